"""What stands for Keras layers that TensorFlow does not derive twice, or derives wrongly."""

import contextlib
import functools
import re

import tensorflow as tf
import tf_keras as keras

from tfsparse.batch_norm import replaced


@contextlib.contextmanager
def derivable_twice(model):
    """Lets the layers of `model`, however deep inside, compute what they compute by operations that can be derived twice.

    (BatchNorm, whose statistics are a question besides, has `tfsparse.batch_norm`.)
    """
    with contextlib.ExitStack() as stack:
        for layer in model._flatten_layers():
            if call := _call(layer):
                stack.enter_context(replaced(vars(layer), {"call": call}))
        yield


@contextlib.contextmanager
def needed(by, remedy):
    """Raises ValueError that says what has no second derivative, for the error that TensorFlow raises.

    Args:
        by: who needs them.
        remedy: what to do, a sentence.
    """
    try:
        yield
    except Exception as error:  # AutoGraph puts a class of its own in the place of LookupError
        missing = re.search(
            r"(?:gradient registry has no entry for: |No gradient defined .*\(op type: )(\w+)", str(error)
        )
        if missing is None:
            raise
        raise ValueError(f"{by} needs second derivatives, and TensorFlow has none of {missing[1]}. {remedy}") from error


def _call(layer):
    if type(layer) is keras.layers.UpSampling2D and layer.interpolation == "nearest":
        return functools.partial(_repeated, layer)  # the kernel's gradient has none
    if type(layer) is keras.layers.LayerNormalization and not getattr(layer, "_fused", True):
        return functools.partial(_normalised, layer)
    return None


def _repeated(layer, inputs):
    rows = 1 if layer.data_format == "channels_last" else 2
    return tf.repeat(tf.repeat(inputs, layer.size[0], rows), layer.size[1], rows + 1)


def _normalised(layer, inputs):
    """Without `tf.nn.moments`, which stops the gradient at the mean: only the first derivative survives that."""
    if isinstance(inputs, tf.RaggedTensor):
        return type(layer).call(layer, inputs)
    x = tf.cast(inputs, layer.dtype)
    mean = tf.reduce_mean(x, layer.axis, keepdims=True)
    factor = tf.math.rsqrt(tf.reduce_mean(tf.square(x - mean), layer.axis, keepdims=True) + layer.epsilon)
    spread = [length if axis in layer.axis else 1 for axis, length in enumerate(x.shape)]
    scale = tf.reshape(layer.gamma, spread) if layer.scale else 1
    offset = tf.reshape(layer.beta, spread) if layer.center else 0
    return tf.cast((x - mean) * factor * scale + offset, layer.compute_dtype)
