"""Silence while TensorFlow Lite converts: its C++ code writes lines to the terminal that no flag turns off."""

import contextlib
import logging
import os
import sys
import tempfile


@contextlib.contextmanager
def quiet(show=True):
    """Keeps warnings and C++ messages off the terminal.

    Args:
        show: whether they are shown after all if an exception is raised.

    >>> with quiet():
    ...     _ = os.write(2, b"this is not seen")
    """
    before = logging.root.manager.disable
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        logging.disable(max(before, logging.WARNING))
        try:
            yield
        except BaseException:
            if show:
                kept.seek(0)
                os.write(terminal, kept.read())
            raise
        finally:
            logging.disable(before)
            os.dup2(terminal, 2)
            os.close(terminal)
