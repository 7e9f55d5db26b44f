"""Replacements for Keras layers that TensorFlow does not differentiate twice, or differentiates wrongly."""

import contextlib
import functools
import re

import tensorflow as tf
import tf_keras as keras

from tfsparse.batch_norm import replaced


@contextlib.contextmanager
def derivable_twice(model):
    """Lets the layers of `model`, however deep inside, compute the same by operations that can be differentiated twice.

    (BatchNorm, for which the statistics must be chosen as well, has `tfsparse.batch_norm`.)
    """
    with contextlib.ExitStack() as stack:
        for layer in model._flatten_layers():
            if call := _call(layer):
                stack.enter_context(replaced(vars(layer), {"call": call}))
        yield


@contextlib.contextmanager
def needed(by, remedy):
    """Replaces TensorFlow's error about a missing second derivative by a ValueError that says which operation lacks it.

    Args:
        by: what needs second derivatives.
        remedy: a sentence that says what to do.
    """
    try:
        yield
    except Exception as error:  # AutoGraph raises a class of its own in place of LookupError
        missing = re.search(
            r"(?:gradient registry has no entry for: |No gradient defined .*\(op type: )(\w+)", str(error)
        )
        if missing is None:
            raise
        raise ValueError(f"{by} needs second derivatives, and TensorFlow has none of {missing[1]}. {remedy}") from error


def _call(layer):
    if type(layer) is keras.layers.UpSampling2D and layer.interpolation == "nearest":
        return functools.partial(_repeated, layer)  # the kernel's gradient cannot be differentiated
    if type(layer) is keras.layers.LayerNormalization and not getattr(layer, "_fused", True):
        return functools.partial(_normalised, layer)
    return None


def _repeated(layer, inputs):
    rows = 1 if layer.data_format == "channels_last" else 2
    return tf.repeat(tf.repeat(inputs, layer.size[0], rows), layer.size[1], rows + 1)


def _normalised(layer, inputs):
    """Without `tf.nn.moments`, which stops the gradient at the mean: only the first derivative is then right."""
    if isinstance(inputs, tf.RaggedTensor):
        return type(layer).call(layer, inputs)
    x = tf.cast(inputs, layer.dtype)
    mean = tf.reduce_mean(x, layer.axis, keepdims=True)
    factor = tf.math.rsqrt(tf.reduce_mean(tf.square(x - mean), layer.axis, keepdims=True) + layer.epsilon)
    spread = [length if axis in layer.axis else 1 for axis, length in enumerate(x.shape)]
    scale = tf.reshape(layer.gamma, spread) if layer.scale else 1
    offset = tf.reshape(layer.beta, spread) if layer.center else 0
    return tf.cast((x - mean) * factor * scale + offset, layer.compute_dtype)
