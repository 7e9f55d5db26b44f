"""Learning-rate schedules: functions of (rate at the start, steps of the whole run)."""

import math

import tf_keras as keras


def step(rate, steps, *, drops=(0.5, 0.75), factor=0.1):
    """Falls by `factor` after each share `drops` of the run (by default as in the 160-epoch protocols, 80 and 120).

    >>> rate = step(0.1, 100)
    >>> [round(float(rate(s)), 4) for s in (0, 49, 50, 75)]
    [0.1, 0.1, 0.01, 0.001]
    """
    # Keras keeps the old value at the boundary itself, the drop belongs before that step. (0.55 * 100 is not quite 55.)
    boundaries = [math.ceil(round(share * steps, 6)) - 1 for share in drops]
    values = [rate * factor**k for k in range(len(drops) + 1)]
    return keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, values)


def cosine(rate, steps):
    """Falls to 0 along half a cosine."""
    return keras.optimizers.schedules.CosineDecay(rate, steps)


def constant(rate, steps):
    """Stays."""
    return keras.optimizers.schedules.PiecewiseConstantDecay([steps], [rate, rate])


SCHEDULES = {"step": step, "cosine": cosine, "constant": constant}
