"""How much memory a data set may take."""

import os
import pathlib

# Names in Linux' control groups, versions 2 and 1: the limit, the use, and the part of the use that is cached files, which
# are given up when memory is needed.
_SECOND = ("memory.max", "memory.current", "inactive_file")
_FIRST = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def available_memory(root="/"):
    """Bytes of memory that this process can still take; limits of containers and of a scheduler's jobs included.

    Args:
        root: where `proc` and `sys` are.

    >>> available_memory() > 0
    True
    """
    free, root = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")], pathlib.Path(root)
    for line in _lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            free.append(int(line.split()[1]) * 1024)
    for group, limit, used, files in _groups(root):
        limit, used = _lines(group / limit), _lines(group / used)
        if limit and used and limit[0].isdigit():
            stat = dict(line.split() for line in _lines(group / "memory.stat"))
            free.append(max(int(limit[0]) - int(used[0]) + int(stat.get(files, 0)), 0))
    return min(free)


def _groups(root):
    """The control groups of this process, innermost first, and the names of their numbers. The limits of all apply."""
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers == "" or "memory" in controllers.split(","):
            base, names = root / "sys/fs/cgroup", _FIRST if controllers else _SECOND
            base = base / "memory" if controllers else base
            for group in [path.strip("/"), *map(str, pathlib.PurePath(path.strip("/")).parents)]:
                yield base / group, *names


def _lines(path):
    try:
        return path.read_text(encoding="ascii").splitlines()
    except OSError:
        return []  # not this kind of system
