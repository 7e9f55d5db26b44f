"""What is checked of an experiment before anything else happens."""

import math

from tfsparse.data import DATASETS, augmentation
from tfsparse.export import EXPORTERS
from tfsparse.mask import Mask
from tfsparse.masks import METHODS
from tfsparse.models import MODELS
from tfsparse.recipe import Recipe
from tfsparse.registry import lookup, parse_list, resolve
from tfsparse.task.schedules import SCHEDULES


def check(experiment):
    """Raises ValueError for settings that cannot work, FileNotFoundError for a mask file that is not there.

    Reads no data and builds nothing, so that a slip in a flag costs a second, not an hour.
    """
    lookup(DATASETS, experiment.data, "data set")
    resolve(MODELS, experiment.model, "model")
    if experiment.mask.endswith(".safetensors"):
        Mask.load(experiment.mask)
    elif experiment.mask != "none":
        resolve(METHODS, experiment.mask, "mask method")
    if not 0 <= experiment.sparsity < 1:
        raise ValueError(
            f"--sparsity must lie in [0, 1), the share of weights that are zero; got {experiment.sparsity}."
        )
    Recipe(experiment.recipe)
    resolve(SCHEDULES, experiment.schedule, "schedule")
    if experiment.augment is not None:
        augmentation(experiment.augment, num_classes=2)  # any number: only the text is checked
    for format in exports(experiment):
        resolve(EXPORTERS, format, "export format")
    for name in ("batch_size", "epochs", "steps_per_execution"):
        if getattr(experiment, name) < 1:
            raise ValueError(f"--{name} must be at least 1, got {getattr(experiment, name)}.")
    for name in ("learning_rate", "momentum", "weight_decay"):
        if not 0 <= getattr(experiment, name) < math.inf:
            raise ValueError(f"--{name} must be a finite number of at least 0, got {getattr(experiment, name)}.")


def exports(experiment):
    """The export formats of an experiment, with their options."""
    return [] if experiment.export in ("", "none") else parse_list(experiment.export)
