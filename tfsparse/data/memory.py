"""How much memory a data set may take."""

import os
import pathlib


def available_memory():
    """Bytes of memory that this process can still take, container limits included.

    >>> available_memory() > 0
    True
    """
    free = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemAvailable:"):
            free.append(int(line.split()[1]) * 1024)
    limit, used = _lines("/sys/fs/cgroup/memory.max"), _lines("/sys/fs/cgroup/memory.current")
    if limit and used and limit[0].isdigit():
        stat = dict(line.split() for line in _lines("/sys/fs/cgroup/memory.stat"))
        cache = int(stat.get("inactive_file", 0))  # of files just read: given up when memory is needed
        free.append(max(int(limit[0]) - int(used[0]) + cache, 0))
    return min(free)


def _lines(path):
    try:
        return pathlib.Path(path).read_text(encoding="ascii").splitlines()
    except OSError:
        return []  # not this kind of system
