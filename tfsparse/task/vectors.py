"""Labels that are vectors over the classes."""

import numpy as np


def add_up(labels):
    """Whether each of the labels (..., classes) adds up to 1, as shares of classes do; tags and numbers need not.

    >>> add_up(np.array([[1, 0], [0.3, 0.7], [1, 1]])).tolist()
    [True, True, False]
    """
    return np.abs(np.sum(np.asarray(labels, np.float32), axis=-1) - 1) < 1e-3
