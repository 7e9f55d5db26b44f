"""Which facts about a task decide the outcome of a training."""

import json

import numpy as np

_OF_TASK = ("epochs", "learning_rate", "momentum", "weight_decay", "schedule", "seed")
_DECIDES_NOTHING = ("jit_compile", "name", "is_legacy_optimizer")  # the first is True where Keras finds a GPU
_OF_DATA = ("name", "batch_size", "steps_per_epoch", "input_shape", "mean", "std", "seed")


def decides(task, model):
    """Facts by name, as JSON holds them, that trainings with the same outcome have in common: the settings of the task and
    of its data, and the configurations of optimizer and loss; not the images, nor what the user's functions do with them.
    """
    facts = {
        **{name: getattr(task, name) for name in _OF_TASK},
        **{f"data's {name}": str(getattr(task.data, name)) for name in _OF_DATA},
        "optimizer": _config(task.make_optimizer()),
        "loss": _config(task.loss_for(model)),
    }
    return json.loads(json.dumps(facts, default=_plain))


def _config(thing):
    """Text of a Keras object's class and configuration, without addresses, which another process would not repeat."""
    if not hasattr(thing, "get_config"):  # a function
        return getattr(thing, "__qualname__", type(thing).__qualname__)
    try:
        config = thing.get_config()
    except NotImplementedError:  # a learning-rate schedule of the user's, for example
        config = {}
    config = {name: value for name, value in config.items() if name not in _DECIDES_NOTHING}
    return json.dumps([type(thing).__qualname__, config], sort_keys=True, default=_plain)


def _plain(value):
    return value.item() if isinstance(value, np.generic) else type(value).__qualname__
