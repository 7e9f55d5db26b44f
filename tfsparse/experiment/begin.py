"""What `train` makes sure of before work starts."""

import pathlib

import tf_keras as keras

from tfsparse.files import check_same, write_json
from tfsparse.graph import is_graph
from tfsparse.task.decides import decides
from tfsparse.training import is_chief

TRAINING = "training.json"


def check(model, task, recipe, settings, steps):
    """Raises ValueError where settings, optimizer and model do not go together; arguments as of `train`."""
    optimizer = task.make_optimizer()
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise ValueError(
            f"The task's optimizer must be one of tf_keras.optimizers, received {type(optimizer).__module__}."
            f"{type(optimizer).__name__}. Those in `legacy` have no place for masked gradients."
        )
    if steps is not None and (recipe.needs_graph or not 0 <= steps[0] < steps[1] <= task.steps):
        raise ValueError(f"steps={steps} must lie in 0 to {task.steps}, and the recipe must have no ghosts.")
    if (settings.compact or steps is not None) and getattr(optimizer, "use_ema", False):
        raise ValueError(
            "use_ema and compact (or steps) do not go together: training is then several calls of fit, and Keras puts the "
            "averages in the weights' place at the end of each. Leave one of them out."
        )
    if settings.strategy is not None and not is_graph(model):
        raise ValueError(
            f"A strategy needs a copy of the model, and {model.name!r}, being subclassed, cannot be copied."
        )
    if settings.compact and (not is_graph(model) or settings.dtype == "mixed_float16"):
        raise ValueError(
            "compact needs a functional or Sequential model, and full precision or bfloat16 (float16's loss scale would begin "
            f"anew); received {model.name!r}, a {type(model).__name__}, and {settings.dtype or 'float32'}."
        )


def begin(model, task, mask, recipe, settings, steps, resumed):
    """Keeps, beside the checkpoints, what decides the outcome of a training; one that goes on must be the same.

    Raises:
        ValueError: the training in the folder is another one.
    """
    if settings.folder is None:
        return
    digest = None if mask is None else mask.digest
    facts = {"recipe": recipe.text, "mask": digest, "steps": steps and list(steps), **decides(task, model)}
    path = pathlib.Path(settings.folder) / TRAINING
    if resumed:
        check_same(path, facts, "the checkpoints of another training")
    elif is_chief(settings.strategy):
        write_json(path, facts)
