"""BatchNorm layers that can be differentiated: twice on batch statistics, without a trace; in inference on any device."""

import contextlib
import inspect

import tensorflow as tf

from tfsparse.fused_norm import fused


@contextlib.contextmanager
def on_batch_statistics(norm):
    """Lets one BatchNorm layer compute as in training, but without updating its moving averages.

    The layer's own code runs, so its variants (fused, synchronised, masked) need no copy here. Attributes are set on the
    instance and removed again, past Keras' attribute tracking.
    """
    own, call = vars(norm), norm.call
    names = list(inspect.signature(type(norm).call).parameters)[2:]  # after self and the inputs

    def in_training(inputs, *args, **kwargs):
        named = dict(zip(names, args, strict=False))  # composite layers may pass `training` by position
        return call(inputs, **{**named, **kwargs, "training": True})

    changes = {
        "call": in_training,
        "_assign_moving_average": _no_update,
        "_assign_new_value": _no_update,
        "_no_sync_calculate_mean_and_var": _exactly(norm._no_sync_calculate_mean_and_var),
        "_fused_batch_norm": lambda inputs, mask, training: _on_batch(norm, inputs),
    }
    with replaced(own, changes):
        yield


@contextlib.contextmanager
def on_moving_averages(norm):
    """Lets one BatchNorm layer compute without the fused kernel where it uses its moving averages."""
    with replaced(vars(norm), {"_fused_batch_norm": without_kernel(norm)}):
        yield


def without_kernel(norm):
    """A replacement for a layer's `_fused_batch_norm` that uses plain operations in inference.

    With deterministic ops on a GPU, TensorFlow refuses to compute the fused kernel's gradient in inference.
    """
    kernel = norm._fused_batch_norm

    def either(inputs, mask, training):
        return kernel(inputs, mask, training) if training else _on_averages(norm, inputs)

    return either


@contextlib.contextmanager
def replaced(own, changes):
    """Temporarily replaces attributes of an object in its `__dict__`, `own`: Keras would track them if they were set."""
    before = {name: own[name] for name in changes if name in own}
    own.update(changes)
    try:
        yield
    finally:
        for name in changes:
            del own[name]
        own.update(before)


def _no_update(variable, *_):
    return variable.read_value()


def _exactly(moments):
    """Mean and variance, for layers that do not use the fused kernel. `tf.nn.moments` stops the gradient at the mean, which
    leaves the first derivative right, but not the second."""

    def exact(inputs, reduction_axes, keep_dims, mask=None):
        if mask is not None:
            return moments(inputs, reduction_axes, keep_dims, mask=mask)
        mean = tf.reduce_mean(inputs, reduction_axes, keepdims=True)
        variance = tf.reduce_mean(tf.square(inputs - mean), reduction_axes, keepdims=keep_dims)
        return mean if keep_dims else tf.squeeze(mean, reduction_axes), variance

    return exact


def _on_batch(norm, inputs):
    """What the fused kernel computes in training."""
    scale, offset = _affine(norm)
    return fused(inputs, scale, offset, norm.epsilon, norm._data_format)


def _on_averages(norm, inputs):
    """What the fused kernel computes in inference, in the precision that it uses internally."""
    scale, offset = _affine(norm)
    # In double: TensorFlow turns a division by a square root into rsqrt, whose last digit is wrong, alike in every layer.
    factor = scale * tf.cast(tf.math.rsqrt(tf.cast(norm.moving_variance, tf.float64) + norm.epsilon), scale.dtype)
    spread = [-1 if letter == "C" else 1 for letter in norm._data_format]
    mean, factor, offset = (tf.reshape(values, spread) for values in (norm.moving_mean, factor, offset))
    return tf.cast((tf.cast(inputs, mean.dtype) - mean) * factor + offset, inputs.dtype)


def _affine(norm):
    """Scale and offset of each channel."""
    channels, dtype = norm.moving_mean.shape, norm.moving_mean.dtype
    scale = norm.gamma if norm.scale else tf.ones(channels, dtype)
    offset = norm.beta if norm.center else tf.zeros(channels, dtype)
    return scale, offset
