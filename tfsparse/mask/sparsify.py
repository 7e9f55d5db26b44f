"""Puts a mask on a model."""

import os

import tensorflow as tf

from tfsparse import paths
from tfsparse.graph import clone, copy_layer, is_graph
from tfsparse.mask import constraint
from tfsparse.mask.mask import Mask
from tfsparse.mask.masked_layer import MaskedLayer, masks
from tfsparse.mask.prunable import prunable


def sparsify(model, mask):
    """A copy of `model` whose masked weights are exactly 0.0, and stay so after every optimizer step.

    Each layer that the mask names is wrapped in a `MaskedLayer` (a TF-MOT `PruneLowMagnitude`); all others are copied
    as they are. `tfmot.sparsity.keras.strip_pruning` takes the wrappers off again. A subclassed model cannot be copied
    layer by layer: it is masked in place, without wrappers, and returned.

    Args:
        model: a built tf_keras model; left as it is unless it is subclassed.
        mask: `Mask`, or a mapping from weight path to array of 0 and 1.

    Returns:
        The sparse model. Its mask is part of its weights: checkpoints and `save` keep it.

    Raises:
        ValueError: the mask does not fit the model.

    >>> import tf_keras as keras
    >>> model = keras.Sequential([keras.layers.Dense(2, input_shape=(2,), name="head")])
    >>> sparse = sparsify(model, Mask({"head/kernel": [[1, 0], [0, 1]]}))
    >>> (sparse.get_weights()[0] != 0).astype(int).tolist()
    [[1, 0], [0, 1]]
    """
    mask = checked(mask, model)
    if not is_graph(model):
        return _in_place(model, mask)
    sparse = _copy(model, mask)
    variables = masks(sparse)
    for name, array in mask.items():
        variables[name].assign(array.astype(variables[name].dtype.as_numpy_dtype))
    sparse.output_names = list(model.output_names)  # losses and labels are given by these names
    return apply_mask(sparse, mask)


def checked(mask, model):
    """`mask` as a `Mask` that fits `model`; None, for a dense model, stays None.

    Raises:
        ValueError: it does not fit, or is a text: a mask must be found or loaded first.
    """
    if mask is None:
        return None
    refuse_text(mask)
    mask = mask if isinstance(mask, Mask) else Mask(mask)
    mask.check(model)
    return mask


def refuse_text(mask):
    """Raises ValueError for a text (a method or a path) in the place of a mask."""
    if isinstance(mask, str | os.PathLike):
        raise ValueError(
            f"mask must be a Mask, received {mask!r}: find_mask(model, ...) finds one, Mask.load(path) reads one."
        )


def hold(model):
    """Sets the dead weights of `model` back to 0 where something other than an optimizer has changed them.

    Returns:
        Path of a kernel in which some were not 0, or None.
    """
    found = None
    for path, variable in prunable(model).items():
        mask = getattr(variable.constraint, "mask", None)
        if mask is None:
            continue
        values, dead = tf.convert_to_tensor(variable), tf.equal(tf.convert_to_tensor(mask), 0)
        # On several devices these are the values of the first; all hold the same.
        if bool(tf.reduce_any(dead & tf.not_equal(values, 0))):
            found = path
            variable.assign(tf.where(dead, tf.zeros_like(values), values))
    return found


def release(model):
    """Takes off a subclassed model what `sparsify` put on it: its weights are free to change again."""
    for variable in prunable(model).values():
        constraint.release(variable)


def _copy(model, mask):
    masked = [variable for path, variable in prunable(model).items() if path in mask]

    def masked_or_copy(path, layer):
        inside = paths.inside(layer, masked)
        return MaskedLayer(copy_layer(layer), masked=inside) if inside else copy_layer(layer)

    return clone(model, masked_or_copy)


def _in_place(model, mask):
    weights = prunable(model)
    for name, array in mask.items():
        constraint.enforce(weights[name], tf.Variable(array, dtype=weights[name].dtype, trainable=False))
    return apply_mask(model, mask)


def apply_mask(model, mask):
    """Sets the weights of `model` that `mask` removes to 0, once; nothing holds them there. Returns the model."""
    weights = prunable(model)
    for name, array in mask.items():
        weights[name].assign(weights[name].numpy() * array)
    return model
