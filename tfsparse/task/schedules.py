"""Learning-rate schedules: functions of (rate at the start, steps of the whole run)."""

import itertools
import math
import numbers

import tf_keras as keras

from tfsparse.registry import resolve
from tfsparse.values import real


def step(rate, steps, *, drops=(0.5, 0.75), factor=0.1):
    """Multiplies the rate by `factor` after each share of the run in `drops` (by default 80 and 120 of 160 epochs).

    >>> rate = step(0.1, 100)
    >>> [round(float(rate(s)), 4) for s in (0, 49, 50, 75)]
    [0.1, 0.1, 0.01, 0.001]

    Raises:
        ValueError: `drops` are not rising shares in (0, 1), or `factor` is outside (0, 1].
    """
    if not _rising_shares(drops):
        raise ValueError(
            f"drops must be rising shares of the training, above 0 and below 1; received {drops!r}. For a step or an epoch "
            "write its share of the whole, 0.5 for half of the training: step(drops=(0.5, 0.75))."
        )
    factor = real(factor, "factor", "(0, 1]", "what is left of the rate after a drop")
    # Keras keeps the old value at the boundary itself, but the drop belongs before that step. (0.55 * 100 is not quite 55.)
    boundaries = [math.ceil(round(share * steps, 6)) - 1 for share in drops]
    values = [rate * factor**k for k in range(len(drops) + 1)]
    return keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, values)


def _rising_shares(drops):
    if not isinstance(drops, tuple | list) or not all(isinstance(share, numbers.Real) for share in drops):
        return False
    ends = [0, *drops, 1]
    return len(drops) > 0 and all(before < after for before, after in itertools.pairwise(ends))


def cosine(rate, steps):
    """Falls to 0 along half a cosine."""
    return keras.optimizers.schedules.CosineDecay(rate, steps)


def constant(rate, steps):
    """Stays the same."""
    return keras.optimizers.schedules.PiecewiseConstantDecay([steps], [rate, rate])


SCHEDULES = {"step": step, "cosine": cosine, "constant": constant}


def make_schedule(text, rate, steps):
    """The schedule that `text` names, for a rate at the start and the steps of the whole run.

    >>> round(float(make_schedule("step(drops=(0.5,), factor=0.5)", 0.4, 10)(5)), 4)
    0.2

    Raises:
        ValueError: an unknown name or option, or a value that an option cannot have.
    """
    schedule, options = resolve(SCHEDULES, text, "schedule")
    return schedule(rate, steps, **options)


def schedule_of(optimizer):
    """(the optimizer that takes the steps, inside any loss scaling; its schedule, or None for a rate that is a number)."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    schedule = getattr(optimizer, "_learning_rate", None)  # the public attribute gives the current rate
    return optimizer, schedule if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule) else None
