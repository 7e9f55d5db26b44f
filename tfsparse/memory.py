"""How much memory a process has taken."""

import resource
import sys


def peak_memory():
    """Peak memory of this process so far, in MB.

    >>> peak_memory() > 10
    True
    """
    unit = 1024 if sys.platform != "darwin" else 1
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)
