"""Positive copies of networks: what flows through them says which weights connect inputs and outputs."""

import functools

import numpy as np
import tensorflow as tf
import tf_keras as keras
from tf_keras.src.mixed_precision.policy import policy_scope

from tfsparse import paths
from tfsparse.batch_norm import without_kernel
from tfsparse.graph import clone, copy_layer
from tfsparse.task.beginnings import PREPROCESSING, constant_operations
from tfsparse.task.endings import computes, function_name, last_layers

_DTYPE = "float64"  # of all copies, and of their inputs
_SQUASHING = ("softmax", "sigmoid", "log_softmax")
_NORMS = (keras.layers.LayerNormalization, keras.layers.GroupNormalization, keras.layers.UnitNormalization)


def positive(model):
    """A copy of `model`, in float64, in which every parameter is replaced by its absolute value: biases, the scales and shifts
    of norms and moving averages too. Where known layers saturate (a softmax or sigmoid at the outputs, the ceiling of a ReLU6)
    they are opened, and layers and operations that only rescale images pass them on. Norms over each example by itself
    (LayerNorm, GroupNorm) keep only their scale and shift, as BatchNorm does at its start: divided by its own size, the flow
    would say nothing about the kernels.

    Args:
        model: built functional or Sequential model; left as it is.

    Returns:
        Keras model with the same weight paths.
    """
    ends, first = {id(paths.unwrap(layer)) for layer in last_layers(model)}, constant_operations(model)

    def one(_, layer):
        layer = paths.unwrap(layer)
        if isinstance(layer, PREPROCESSING):
            return keras.layers.Activation("linear", name=layer.name, dtype=_DTYPE)
        if id(layer) in first:
            return _copied_operation(layer, _DTYPE, lambda x, *_, **__: x)
        if id(layer) in ends and any(computes(layer, name) for name in _SQUASHING):
            return _opened(layer, _DTYPE, "linear")
        if (isinstance(layer, keras.layers.ReLU) or computes(layer, "relu6")) and not _is_gate(layer):
            return _opened(layer, _DTYPE, "relu")
        return _copied(layer, _DTYPE)

    with policy_scope(_DTYPE):  # the parts that a composite layer makes do not see its configuration's dtype
        copy = clone(model, one, _DTYPE)
    for layer in copy._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            vars(layer)["_fused_batch_norm"] = without_kernel(layer)
        if isinstance(layer, _NORMS):
            vars(layer)["call"] = functools.partial(_scaled, layer)
    for variable in copy.variables:
        if variable.dtype.is_floating:
            variable.assign(tf.abs(variable))
    return copy


def _scaled(norm, x, *_, **__):
    """What a norm does to an `x` with mean 0 and variance 1."""
    axes = [norm.axis] if isinstance(norm.axis, int) else list(norm.axis)
    shape = [1] * len(x.shape)
    for axis in axes:
        shape[axis] = x.shape[axis]
    scale, shift = getattr(norm, "gamma", None), getattr(norm, "beta", None)
    x = x if scale is None else x * tf.reshape(tf.cast(scale, x.dtype), shape)
    return x if shift is None else x + tf.reshape(tf.cast(shift, x.dtype), shape)


def ones(model, data=None):
    """One example of ones for each input of `model`: a tensor, or a list of them.

    Args:
        model: built functional or Sequential model.
        data: `Data` whose image size is used where the model leaves its own open, or None.

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
        examples.append(tf.ones((1, *shape), _DTYPE if tensor.dtype.is_floating else tensor.dtype))
    return examples if len(examples) > 1 else examples[0]


def _opened(layer, dtype, activation):
    """A replacement for a layer that saturates: it applies `activation` instead."""
    if isinstance(layer, keras.layers.ReLU):
        return copy_layer(layer, dtype=dtype, max_value=None)  # keeps its slope and threshold
    if function_name(layer):
        return _copied_operation(layer, dtype, lambda x, *_, **__: keras.activations.get(activation)(x))
    if hasattr(layer, "activation") or isinstance(layer, keras.layers.TimeDistributed):
        return _copied(layer, dtype, activation=activation)
    return keras.layers.Activation(activation, name=layer.name, dtype=dtype)


def _copied(layer, dtype, **changes):
    if type(layer) is keras.layers.TimeDistributed:
        inner = keras.layers.serialize(_copied(layer.layer, dtype, **changes))
        return copy_layer(layer, dtype=dtype, layer=inner)
    if type(layer).__name__ == "TFOpLambda":
        to = layer.output.dtype if function_name(layer) == "cast" else None
        cast = to is not None and to.is_floating
        return _copied_operation(layer, dtype, (lambda x, *_, **__: tf.cast(x, dtype)) if cast else None)
    return copy_layer(layer, dtype=dtype, **changes)


def _copied_operation(layer, dtype, instead=None):
    """A copy of a TensorFlow function called on tensors, in another precision, to which its constants are cast, too."""
    copy = copy_layer(layer, dtype=dtype)
    copy.function = in_dtype(dtype, instead or copy.function)
    return copy


def in_dtype(dtype, function):
    """`function` with its floating-point arguments (tensors and arrays) cast to `dtype` first."""

    def cast_first(*args, **kwargs):
        args, kwargs = tf.nest.map_structure(lambda value: _in(dtype, value), (args, kwargs))
        return function(*args, **kwargs)

    return cast_first


def _in(dtype, value):
    array = tf.is_tensor(value) or isinstance(value, np.ndarray)
    return tf.cast(value, dtype) if array and tf.as_dtype(value.dtype).is_floating else value


def _is_gate(layer):
    """Whether a ReLU6 is part of a hard sigmoid, relu6(x + 3) / 6: without its ceiling hard swish would be a square."""
    before = [source.node for node in layer.inbound_nodes for source in tf.nest.flatten(node.keras_inputs)]
    shifted = any(function_name(node.layer) == "add" and len(node.keras_inputs) == 1 for node in before)
    return shifted and any(
        function_name(node.layer) in ("multiply", "truediv") or isinstance(node.layer, keras.layers.Multiply)
        for node in layer.outbound_nodes
    )
