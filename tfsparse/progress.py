"""Progress of long searches, on a terminal only."""

import contextlib

from rich.console import Console
from rich.progress import Progress


@contextlib.contextmanager
def progress():
    """Gives `shown(items, label)`, which yields the items and draws a bar on stderr, which disappears at the end.

    Nothing is drawn when stderr is not a terminal. One display holds the bars of all loops, so they may be nested.

    >>> with progress() as shown:
    ...     sum(shown([1, 2], "adding"))
    3
    """
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:

        def shown(items, label, total=None):
            row = bars.add_task(label, total=len(items) if total is None else total)
            for item in items:
                yield item
                bars.advance(row)
            bars.remove_task(row)

        yield shown
