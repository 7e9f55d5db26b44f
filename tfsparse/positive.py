"""Positive copies of networks: what flows through them says which weights connect inputs and outputs."""

import functools

import tensorflow as tf
import tf_keras as keras
from tf_keras.src.mixed_precision.policy import policy_scope

from tfsparse import paths
from tfsparse.graph import clone, copy_layer

_SQUASHING = (keras.activations.softmax, keras.activations.sigmoid)
_NORMS = (keras.layers.LayerNormalization, keras.layers.GroupNormalization, keras.layers.UnitNormalization)
_PREPROCESSING = (keras.layers.Rescaling, keras.layers.Normalization)


def positive(model, dtype="float64", replace=None):
    """A copy of `model` whose every parameter is replaced by its absolute value, biases, norm scales and shifts and moving
    averages too. Nothing in it saturates where a known layer would: a softmax or sigmoid at the outputs, the ceiling of a
    ReLU6, and layers that only rescale images are opened. Norms of each example by itself (LayerNorm, GroupNorm) keep their
    scale and shift only, as BatchNorm does at its start: divided by its own size, what flows would say nothing of the kernels.

    Args:
        model: built functional or Sequential model; left as it is.
        dtype: of the copy.
        replace: layer -> the layer that stands for it, or None for the copy made here.

    Returns:
        Keras model with the same weight paths.
    """
    ends = {id(layer) for layer in _output_layers(model)}

    def one(_, layer):
        layer = paths.unwrap(layer)
        own = replace(layer) if replace else None
        if own is not None:
            return own
        at_end = id(layer) in ends
        if isinstance(layer, _PREPROCESSING) or (at_end and isinstance(layer, keras.layers.Softmax)):
            return keras.layers.Activation("linear", name=layer.name, dtype=dtype)
        changes = {"dtype": dtype}
        if at_end and getattr(layer, "activation", None) in _SQUASHING:
            changes["activation"] = "linear"
        if isinstance(layer, keras.layers.ReLU) and not _is_gate(layer):
            changes["max_value"] = None
        return copy_layer(layer, **changes)

    with policy_scope(dtype):  # parts that a composite layer makes do not see the dtype of its configuration
        copy = clone(model, one, dtype)
    for layer in copy._flatten_layers():
        if isinstance(layer, _NORMS):
            vars(layer)["call"] = functools.partial(_scaled, layer)
    for variable in copy.variables:
        if variable.dtype.is_floating:
            variable.assign(tf.abs(variable))
    return copy


def _scaled(norm, x, *_, **__):
    """What a norm does to `x` whose mean is 0 and whose variance is 1."""
    axes = [norm.axis] if isinstance(norm.axis, int) else list(norm.axis)
    shape = [1] * len(x.shape)
    for axis in axes:
        shape[axis] = x.shape[axis]
    scale, shift = getattr(norm, "gamma", None), getattr(norm, "beta", None)
    x = x if scale is None else x * tf.reshape(tf.cast(scale, x.dtype), shape)
    return x if shift is None else x + tf.reshape(tf.cast(shift, x.dtype), shape)


def ones(model, data=None, dtype="float64"):
    """One example of ones for each input of `model`: a tensor, or a list of them.

    Args:
        model: built functional or Sequential model.
        data: `Data` whose images' size serves where the model leaves its own open, or None.
        dtype: of floating inputs.

    Raises:
        ValueError: the size of an input is not known.
    """
    examples = []
    for tensor in model.inputs:
        shape = tuple(tensor.shape[1:])
        if None in shape and data is not None and len(data.input_shape) == len(shape):
            shape = tuple(data.input_shape)
        if None in shape:
            raise ValueError(
                f"The size of input {tensor.name!r} is not known: {tuple(tensor.shape)}. "
                "Build the model with a full input_shape, or pass a task, whose images have a size."
            )
        examples.append(tf.ones((1, *shape), dtype if tensor.dtype.is_floating else tensor.dtype))
    return examples if len(examples) > 1 else examples[0]


def _is_gate(layer):
    """Whether a ReLU6 is part of a hard sigmoid, relu6(x + 3) / 6: without its ceiling hard swish would be a square."""
    before = [source for node in layer.inbound_nodes for source in tf.nest.flatten(node.inbound_layers)]
    return any(type(source).__name__ == "TFOpLambda" for source in before)


def _output_layers(model):
    for tensor in model.outputs:
        layer = tensor.node.layer
        if isinstance(layer, keras.Model):
            yield from _output_layers(layer)
        else:
            yield layer
