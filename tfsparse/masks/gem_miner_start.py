"""The weights that Gem-Miner never trains, and the accuracy that a mask gives them."""

import contextlib
import math

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsparse import paths
from tfsparse.frozen import batch_norms, frozen
from tfsparse.mask.axes import channel_axes
from tfsparse.mask.sparsify import apply_mask
from tfsparse.task.accuracy import accuracy, threshold_of
from tfsparse.task.metrics import ignored

_NORMS = (
    keras.layers.BatchNormalization,
    keras.layers.experimental.SyncBatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
)
_BATCHES = 100  # for BatchNorm's averages


def _signs(random, values):
    """The signs of the values; those of zeros are drawn."""
    return np.where(values == 0, random.choice([-1.0, 1.0], values.shape), np.sign(values))


WEIGHTS = {  # (random, the model's own) -> weights of mean square 1; None: no change at all
    "signed_constant": _signs,
    "kaiming_normal": lambda random, values: random.normal(size=values.shape),
    "as_is": None,
}


def start_weights(search, kind, random):
    """The weights that a search works with, all of the model: path -> array.

    Args:
        search: `Search`.
        kind: a name in `WEIGHTS`.
        random: `np.random.Generator`.
    """
    values, draw = {path: variable.numpy() for path, variable in paths.weights(search.model).items()}, WEIGHTS[kind]
    if draw is None:
        return values
    plain = not any(isinstance(layer, _NORMS) for layer in search.model._flatten_layers())
    gain, axes = 2 * (search.total / search.count if plain else 1), channel_axes(search.model)
    for path in search.weights:
        outputs = math.prod(values[path].shape[axis] for axis in axes[path][1])
        fan_in = values[path].size / outputs
        values[path] = (draw(random, values[path]) * math.sqrt(gain / fan_in)).astype(values[path].dtype)
    for path, variable, owner in paths.owned_weights(search.model):
        if not isinstance(owner, _NORMS) or not owner.trainable:  # frozen ones belong to a network that has learned
            continue
        if variable is owner.gamma:
            values[path] = np.ones_like(values[path])
        elif variable is owner.beta:
            values[path] = np.zeros_like(values[path])
    return values


def measured(search, start, mask):
    """Measures the network that has the weights `start` under a mask, before any weight is trained.

    Args:
        search: `Search`, whose model is left as it was.
        start: path -> array, all weights of the model.
        mask: `Mask`.

    Returns:
        (`start` with BatchNorm's moving averages as measured under the mask, the accuracy; None if labels are not classes).
    """
    model, variables = search.model, paths.weights(search.model)
    with frozen(model) as forward:
        for path, variable in variables.items():
            variable.assign(start[path])
        apply_mask(model, mask)
        _average_statistics(model, forward, search.task.data)
        values = {path: start[path] if path in mask else variable.numpy() for path, variable in variables.items()}
        return values, _accuracy(model, forward, search.task)


def _average_statistics(model, forward, data):
    """Gives every BatchNorm the mean of its statistics over training batches; all other layers compute as in inference."""
    norms = batch_norms(model)
    before = [norm.momentum for norm in norms]
    with contextlib.ExitStack() as stack:
        for norm in norms:
            stack.enter_context(_in_training(norm))
        for number, (x, _) in enumerate(data.epochs(0, 1).take(_BATCHES if norms else 0)):
            for norm in norms:
                norm.momentum = number / (number + 1)  # the running average that weighs all batches alike
            forward(x)
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum


@contextlib.contextmanager
def _in_training(norm):
    """Lets one layer compute as in training, and update its moving averages. Bypasses Keras' bookkeeping of attributes."""
    own, call = vars(norm), norm.call
    own["call"] = lambda inputs, *args, **kwargs: call(inputs, *args, **{**kwargs, "training": True})
    try:
        yield
    finally:
        del own["call"]


def _accuracy(model, forward, task):
    """The accuracy on the validation, else the test, else the training data."""
    part = task.data.validation or task.data.test or task.data.epochs(0, 1)
    counted = {"threshold": threshold_of(model), "ignored": ignored(task.loss)}
    return accuracy(tf.function(forward, reduce_retracing=True), part, **counted)
