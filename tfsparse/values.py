"""Checks of option values: a whole number, a number in an interval, a switch, one of several; else an error of one line."""

import math
import numbers
import os


def plain(value, kind):
    """`value` as a number of `kind` (int or float) if it equals one, and a path as its text; anything else stays as it is.

    >>> plain(1, float), plain(2.0, int), plain(2.5, int)
    (1.0, 2, 2.5)
    """
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return kind(value) if kind in (int, float) and _finite(value) and kind(value) == value else value


def whole(value, name, least=1):
    """`value` as an int of at least `least` that fits into an int64; 5.0 counts as one, True does not.

    >>> whole(2.5, "rounds")
    Traceback (most recent call last):
    ...
    ValueError: rounds must be a whole number of at least 1, received 2.5.
    """
    if _finite(value) and value >= 1 << 63:
        raise ValueError(f"{name} must be a whole number below 2**63, received {value!r}.")
    if not _finite(value) or int(value) != value or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, received {value!r}.")
    return int(value)


def real(value, name, interval, meaning=""):
    """`value` as a finite float in `interval`, written as in mathematics.

    Args:
        interval: a square bracket includes its end, a round one excludes it; an end may be inf.
        meaning: what the number is, for the message.

    >>> real(1, "share", "(0, 1]")
    1.0
    >>> real(0, "share", "(0, 1]", "the part of the training that ghosts live")
    Traceback (most recent call last):
    ...
    ValueError: share must be a number in (0, 1], the part of the training that ghosts live; received 0.
    """
    low, high = (float(end) for end in interval[1:-1].split(","))
    above = _finite(value) and (value >= low if interval[0] == "[" else value > low)
    if not above or not (value <= high if interval[-1] == "]" else value < high):
        meaning = f"{meaning}; " if meaning else ""
        raise ValueError(f"{name} must be a number in {interval}, {meaning}received {value!r}.")
    return float(value)


def switch(value, name):
    """`value` if it is True or False: `"False"`, which is true to Python, is neither.

    >>> switch("False", "masked")
    Traceback (most recent call last):
    ...
    ValueError: masked must be True or False, received 'False'.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False, received {value!r}.")
    return value


def one_of(value, name, known):
    """`value` if it is one of `known`.

    >>> one_of("reset", "retrain", ("rewinding", "fine_tuning"))
    Traceback (most recent call last):
    ...
    ValueError: retrain must be one of 'rewinding', 'fine_tuning', received 'reset'.
    """
    if not any(type(value) is type(each) and value == each for each in known):
        raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, received {value!r}.")
    return value


def _finite(value):
    try:
        return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False
