"""The highest of many numbers."""

import numpy as np


def top(values, count, random):
    """Marks the `count` highest of a flat array; among those equal to the last one in, `random` draws."""
    if count >= len(values):
        return np.ones(len(values), bool)
    if count == 0:
        return np.zeros(len(values), bool)
    threshold = np.partition(values, len(values) - count)[len(values) - count]
    chosen = values > threshold
    tied = np.flatnonzero(values == threshold)
    missing = count - np.count_nonzero(chosen)
    chosen[tied if missing == len(tied) else random.choice(tied, missing, replace=False)] = True
    return chosen
