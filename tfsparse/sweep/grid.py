"""The cells of a sweep, and which of them share a mask."""

import dataclasses
import hashlib
import itertools
import json
import pathlib

from tfsparse.mask.mask_file import is_mask_file
from tfsparse.masks import meaning
from tfsparse.recipe import Recipe

# What matters only after the mask is found; methods that train between their rounds do so by the default protocol.
_LATER = {"recipe", "export", "compact_export", "compact", "live_gradients", "output_dir", "run_name", "overwrite"}


def cells(experiment, *, masks=None, sparsities=None, recipes=None, seeds=None):
    """Every combination, as a list of experiments; seeds are outermost, so a sweep that is stopped has whole comparisons.

    Args:
        experiment: `Experiment`, what the cells have in common.
        masks: a list, or None: the experiment's own. `sparsities`, `recipes`, `seeds` likewise.

    A dense cell (`mask="none"`) is there once for all sparsities. So is a cell with a mask file, since the file has its own
    sparsity, and says itself what it leaves out.

    >>> from tfsparse.experiment import Experiment
    >>> found = cells(Experiment(), masks=["none", "erk"], sparsities=[0.9, 0.95], recipes=["none", "tost"])
    >>> [(cell.mask, cell.sparsity, cell.recipe) for cell in found][:4]
    [('none', 0.0, 'none'), ('none', 0.0, 'tost'), ('erk', 0.9, 'none'), ('erk', 0.9, 'tost')]

    Raises:
        ValueError: two cells would be the same, share a folder by a given name, or delete what is there.
    """
    if experiment.run_name:
        raise ValueError("The cells of a sweep need a folder each: leave --run_name out.")
    if experiment.overwrite:
        raise ValueError("A sweep goes on with what is there: leave --overwrite out, and delete folders to begin anew.")
    choices = {"seed": seeds, "mask": masks, "sparsity": sparsities, "recipe": recipes}
    lists = {name: [getattr(experiment, name)] if given is None else list(given) for name, given in choices.items()}
    for name, given in lists.items():
        if not given:
            raise ValueError(f"Give at least one value of {name}; got {given}.")
        for one, other in itertools.combinations(given, 2):
            if _meaning(name, one) == _meaning(name, other):
                raise ValueError(f"The values of {name} must differ: {one!r} and {other!r} are the same.")
    found = {}
    for values in itertools.product(*lists.values()):
        cell = dataclasses.replace(experiment, **dict(zip(lists, values, strict=True)))
        if cell.mask == "none":
            cell = dataclasses.replace(cell, sparsity=0.0)
        elif cell.mask_file:
            cell = dataclasses.replace(cell, sparsity=experiment.sparsity, exclude="", prunable="all")
        found[cell.name] = cell
    return list(found.values())


def _meaning(name, value):
    """What a value of a setting stands for, to be compared: `"erk()"` is `"erk"`, and a recipe's parts have no order.

    >>> _meaning("recipe", "ghost_skips,label_smoothing") == _meaning("recipe", "label_smoothing(amount=0.1),ghost_skips")
    True
    """
    if name == "recipe":
        return Recipe(value).meaning
    if name != "mask" or value == "none":
        return value
    if is_mask_file(value):
        return pathlib.Path(value).resolve()
    return meaning(value)


def groups(experiments):
    """Cells that share a mask, together: a list of lists, in the order of the first of each.

    >>> from tfsparse.experiment import Experiment
    >>> [len(group) for group in groups(cells(Experiment(), recipes=["none", "tost"], seeds=[0, 1]))]
    [2, 2]
    """
    found = {}
    for cell in experiments:
        found.setdefault(mask_key(cell), []).append(cell)
    return list(found.values())


def mask_key(experiment):
    """A hash of all settings that decide an experiment's mask."""
    deciding = {name: value for name, value in experiment.deciding().items() if name not in _LATER}
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:16]
