"""One process at a time prepares a data set: the cells of a sweep may all begin at once."""

import contextlib
import fcntl
import logging
import os

from tfsparse.data.errors import DatasetNotFoundError

log = logging.getLogger(__name__)


@contextlib.contextmanager
def alone(root, name):
    """Holds the data set `name` in the folder `root` for this process, after waiting for the one that holds it.

    The lock ends with the process, however that ends; its file stays. Where the file system has no locks, there is none.

    Raises:
        DatasetNotFoundError: `root` cannot be written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        # For reading only: the file may be another user's.
        handle = os.open(root / f".{name}.lock", os.O_RDONLY | os.O_CREAT, 0o666)
    except OSError as error:
        raise DatasetNotFoundError(f"{name} could not be written to {root}: {error}") from error
    try:
        _lock(handle, root, name)
        yield
    finally:
        os.close(handle)


def _lock(handle, root, name):
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("Another process is preparing %s in %s: waiting for it.", name, root)
            fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError as error:
        log.warning("%s cannot be locked (%s): let one process alone prepare %s.", root, error, name)
