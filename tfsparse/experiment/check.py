"""What is checked in an experiment before anything else happens."""

import dataclasses
import math
import pathlib

from tfsparse.data import AUGMENTATIONS, DATASETS
from tfsparse.experiment.mask_file import check_readable, has_mask
from tfsparse.export import make_exporter
from tfsparse.files import check_named
from tfsparse.masks import TRAINED, read_method
from tfsparse.models import MODELS
from tfsparse.recipe import Recipe
from tfsparse.registry import parse, parse_list, resolve
from tfsparse.task.schedules import make_schedule
from tfsparse.training import AUTO
from tfsparse.values import one_of


def check(experiment, folder=None):
    """Raises ValueError for settings that cannot work, FileNotFoundError for a mask file that is not there.

    Reads no data and builds nothing, so that a slip in a flag costs a second, not an hour.

    Args:
        experiment: `Experiment`.
        folder: `RunFolder`; if it keeps a copy of the mask file, the file itself may be missing. None: it must be there.
    """
    _check_choices(experiment)
    resolve(DATASETS, experiment.data, "data set")
    resolve(MODELS, experiment.model, "model")
    check_readable(experiment, folder)
    if experiment.mask_file is None and experiment.mask != "none" and not has_mask(experiment, folder):
        read_method(experiment.mask)  # also an allocation's mask file, which may be missing once the mask is there
    # Runs begun before this check existed may have both, and may go on.
    begun = folder is not None and folder.begun
    restricted = {"exclude": excluded(experiment), "prunable": experiment.prunable != "all"}
    for name in restricted if experiment.mask_file and not begun else ():
        if restricted[name]:
            raise ValueError(
                f"--{name}={getattr(experiment, name)} is for masks that are looked for; the mask file {experiment.mask} says "
                "itself which weights it is for. Leave one of the two out."
            )
    inside = experiment.mask_file and folder and folder.path.resolve() in experiment.mask_file.resolve().parents
    if inside and experiment.overwrite:
        raise ValueError(
            f"--overwrite would delete {experiment.mask} with the run that it lies in: copy it to another place, and name that."
        )
    if not 0 <= experiment.sparsity < 1:
        raise ValueError(
            f"--sparsity must lie in [0, 1), the share of weights that are zero; got {experiment.sparsity}."
        )
    if not 0 <= experiment.seed < 1 << 32:
        raise ValueError(f"--seed must be a whole number from 0 to {(1 << 32) - 1}, got {experiment.seed}.")
    Recipe(experiment.recipe)
    make_schedule(experiment.schedule, experiment.learning_rate, 100)
    if not experiment.output_dir:
        raise ValueError(
            "--output_dir is empty: give the folder that run folders are made in; . is the one you are in."
        )
    name = experiment.run_name
    if name and (pathlib.PurePath(name).name != name or name == ".."):
        raise ValueError(f"--run_name names one folder, without separators; got {experiment.run_name!r}.")
    check_named(folder.path if folder else pathlib.Path(experiment.output_dir, name or ""), "The run folder")
    if experiment.augment not in (None, "default"):
        for item in parse_list(experiment.augment):  # names only: making one would start TensorFlow before its strategy
            resolve(AUGMENTATIONS, item, "augmentation")
    files = [exporter.name + exporter.suffix for exporter in map(make_exporter, exports(experiment))]
    for file in files:
        if files.count(file) > 1:
            raise ValueError(f"--export={experiment.export} asks for {file} more than once: a run has one of each.")
    for name in ("batch_size", "epochs", "steps_per_execution"):
        if getattr(experiment, name) < 1:
            raise ValueError(f"--{name} must be at least 1, got {getattr(experiment, name)}.")
    if experiment.mixed_precision == AUTO and experiment.strategy == "multi_worker":
        raise ValueError(
            "--mixed_precision=auto measures one machine, and workers must agree: give --mixed_precision=bfloat16 or none."
        )
    if experiment.compact and experiment.mixed_precision == "float16":
        raise ValueError(
            "--compact does not go with float16, whose loss scale would begin anew: give bfloat16 or none."
        )
    if not 0 <= experiment.momentum < 1:
        raise ValueError(f"--momentum must lie in [0, 1), got {experiment.momentum}.")
    for name in ("learning_rate", "weight_decay"):
        if not 0 <= getattr(experiment, name) < math.inf:
            raise ValueError(f"--{name} must be a finite number of at least 0, got {getattr(experiment, name)}.")


def _check_choices(experiment):
    """Raises ValueError for a setting that is not among its choices, or of another type: absl checks flags, but not an
    `Experiment` made in Python."""
    for field in dataclasses.fields(experiment):
        value, kind = getattr(experiment, field.name), type(field.default)
        if field.metadata["choices"]:
            one_of(value, f"--{field.name}", field.metadata["choices"])
        if kind in (bool, int, float) and type(value) is not kind:
            raise ValueError(f"--{field.name} is of type {kind.__name__}, received {value!r}.")


def check_search(experiment):
    """Raises ValueError where a search alone makes no sense: no mask, or rounds that might go on in another precision."""
    if experiment.mask == "none":
        raise ValueError("--mask=none is a dense run: there is no mask to find.")
    if experiment.mixed_precision == AUTO and not experiment.mask_file and parse(experiment.mask)[0] in TRAINED:
        raise ValueError(
            f"--mixed_precision=auto is measured anew at each start, and {experiment.mask} goes on from finished rounds: "
            "give --mixed_precision=bfloat16 or none."
        )


def exports(experiment):
    """The export formats of an experiment, with their options."""
    return [] if experiment.export in ("", "none") else parse_list(experiment.export)


def excluded(experiment):
    """The weights and layers of an experiment that stay dense."""
    return [name.strip() for name in experiment.exclude.split(",") if name.strip()]
