"""The value of a given rank among many."""

import numpy as np

_SAMPLE = 50_000


def nth_highest(arrays, chosen, count):
    """The value of rank `count` from above, 1 being the highest, among the chosen entries of several arrays.

    A sorted sample brackets it, so that of many millions only the entries in the bracket need to be copied and ordered (Floyd
    & Rivest, "Expected time bounds for selection", 1975). If the sample was misleading, all entries are.

    Args:
        arrays: list of arrays of numbers.
        chosen: list of boolean arrays of the same shapes.
        count: at least 1; if fewer are chosen, the lowest of them is returned.

    >>> nth_highest([np.array([3.0, 1.0, 2.0])], [np.array([True, True, False])], 2)
    1.0
    """
    stride = sum(array.size for array in arrays) // _SAMPLE
    if stride > 4:
        sample = np.sort(_entries([a.ravel()[::stride] for a in arrays], [c.ravel()[::stride] for c in chosen]))
        share = count / max(sum(map(np.count_nonzero, chosen)), 1)
        place, margin = int((1 - share) * len(sample)), int(4 * len(sample) ** 0.5)
        low = sample[place - margin] if place > margin else -np.inf
        high = sample[place + margin] if place + margin < len(sample) else np.inf
        rank = count - sum(np.count_nonzero(c & (a > high)) for a, c in zip(arrays, chosen, strict=True))
        inside = _entries(arrays, [c & (a >= low) & (a <= high) for a, c in zip(arrays, chosen, strict=True)])
        if 0 < rank <= len(inside):
            return float(_nth(inside, rank))
    values = _entries(arrays, chosen)
    return float(_nth(values, min(count, len(values))))


def _entries(arrays, chosen):
    return np.concatenate([array[marks] for array, marks in zip(arrays, chosen, strict=True)])


def _nth(values, rank):
    return np.partition(values, len(values) - rank)[len(values) - rank]
