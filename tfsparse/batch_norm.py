"""BatchNorm layers that can be derived: twice on the batch's own statistics, without a trace; in inference on any device."""

import contextlib
import inspect

import tensorflow as tf

from tfsparse.fused_norm import fused


@contextlib.contextmanager
def on_batch_statistics(norm):
    """Lets one BatchNorm layer compute as in training, without its updates of the moving averages.

    The layer's own code runs, so its variants (fused, synchronised, masked) need no copy here. Attributes go to the
    instance and come off again; Keras' bookkeeping of attributes is passed by.
    """
    own, call = vars(norm), norm.call
    names = list(inspect.signature(type(norm).call).parameters)[2:]  # after self and the inputs

    def in_training(inputs, *args, **kwargs):
        named = dict(zip(names, args, strict=False))  # composite layers may pass `training` by its place
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
    """What stands for `_fused_batch_norm` of a layer: plain operations in inference.

    On a GPU where ops must be deterministic, TensorFlow refuses the gradient of the fused kernel there.
    """
    kernel = norm._fused_batch_norm

    def either(inputs, mask, training):
        return kernel(inputs, mask, training) if training else _on_averages(norm, inputs)

    return either


@contextlib.contextmanager
def replaced(own, changes):
    """Other attributes for an object, of which `own` is the dict; past Keras, which would take note of them."""
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
    """Mean and variance, for what does not go through the fused kernel. `tf.nn.moments` stops the gradient at the mean, which
    only the first derivative survives."""

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
    """What it computes in inference, in the precision that it has inside."""
    scale, offset = _affine(norm)
    # In double, for TensorFlow makes rsqrt of a division by a root, whose last digit is wrong, in every layer the same way.
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
