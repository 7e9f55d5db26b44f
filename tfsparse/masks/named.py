"""A mask method from its text: the entry of the table, its options, and those that all methods have."""

import numpy as np

from tfsparse.masks.choices import Choices
from tfsparse.masks.methods import METHODS, WITHIN_LAYERS
from tfsparse.registry import options, parse, resolve
from tfsparse.values import plain


def read_method(method, further=None):
    """The entry of `METHODS` that a text names, its own options, and the `Choices`; all are checked.

    >>> entry, given, choices = read_method("snip(batches=4, pattern='2:4')")
    >>> entry.__name__, given, choices.pattern
    ('snip', {'batches': 4}, '2:4')
    """
    common = options(Choices)
    entry, given = resolve(METHODS, method, "mask method", further=further, common=common)
    given = {name: of_python(value) for name, value in given.items()}
    choices = Choices(**{name: value for name, value in given.items() if name in common})
    own = WITHIN_LAYERS.get(parse(method)[0])
    if own and choices.allocation not in (None, own):
        raise ValueError(
            f"{method} prunes within each layer while it trains: allocation={choices.allocation!r} would come too late, and "
            f"would fill up with pruned weights. Leave it out: the method always uses {own!r}."
        )
    return entry, {name: value for name, value in given.items() if name not in common}, choices


def meaning(method):
    """One text for all spellings that mean the same: only options that differ from their defaults, in a fixed order.

    >>> meaning("snip(pattern='2:4', batches=1)"), meaning("snip(batches=4.0)")
    ("snip(pattern='2:4')", 'snip(batches=4)')
    """
    entry, given, choices = read_method(method)
    defaults, values = {**options(entry), **options(Choices)}, {**given, **vars(choices)}
    stated = [
        f"{name}={plain(values[name], float if isinstance(default, float) else int)!r}"  # 4.0 is 4
        for name, default in defaults.items()
        if values.get(name, default) != default
    ]
    return parse(method)[0] + (f"({', '.join(stated)})" if stated else "")


def of_python(value):
    """Turns NumPy's numbers (from loops over its ranges) into Python's: JSON, which keeps the settings, knows no others."""
    return value.item() if isinstance(value, np.generic) else value
