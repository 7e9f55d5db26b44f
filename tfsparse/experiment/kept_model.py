"""The trained model that a run keeps, so that it can be loaded without preparing its training again."""

import types

from tfsparse import paths
from tfsparse.training.weights_file import arrays_of, load_weights, read_facts, save_weights

_REMEDY = "Delete it: the run's checkpoints, if they are there, hold the same weights."


def keep_model(path, model, mask, data):
    """Writes the weights of a trained plain model, and the facts that tell how to build it and which mask is in it."""
    facts = {"input_shape": data.input_shape, "num_classes": data.num_classes, "mask": _digest(mask)}
    save_weights(path, arrays_of(paths.weights(model)), **facts)


def kept_shapes(path):
    """The image shape and number of classes that a kept model was built for, as `build_model` takes them, without a data set.

    Raises:
        ValueError: the file is damaged.
    """
    facts = read_facts(path)
    try:
        shape = tuple(int(side) for side in facts["input_shape"])
        return types.SimpleNamespace(input_shape=shape, num_classes=int(facts["num_classes"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} does not say what images and classes its model is for. {_REMEDY}") from error


def load_kept(path, model, mask):
    """Gives `model` the weights that `keep_model` wrote.

    Raises:
        ValueError: the file is damaged, or of another model or mask.
    """
    if read_facts(path).get("mask") != _digest(mask):
        raise ValueError(f"{path} is of a model that was trained with another mask than the one beside it.")
    load_weights(path, paths.weights(model), _REMEDY)


def _digest(mask):
    return None if mask is None else mask.digest
