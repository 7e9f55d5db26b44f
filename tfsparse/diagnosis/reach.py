"""Which live weights lie on a path from the inputs to the outputs."""

import tensorflow as tf
import tf_keras as keras

from tfsparse import paths
from tfsparse.graph import copy_layer
from tfsparse.mask.prunable import prunable
from tfsparse.positive import ones, positive

_POOLING = {
    keras.layers.MaxPooling1D: keras.layers.AveragePooling1D,
    keras.layers.MaxPooling2D: keras.layers.AveragePooling2D,
    keras.layers.MaxPooling3D: keras.layers.AveragePooling3D,
    keras.layers.GlobalMaxPooling1D: keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalMaxPooling2D: keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling3D: keras.layers.GlobalAveragePooling3D,
}
_NORMS = (keras.layers.LayerNormalization, keras.layers.GroupNormalization, keras.layers.UnitNormalization)
_ADDED = ("bias", "beta", "moving_mean")


def effective(model, mask, input_shape=None):
    """path -> boolean array of the live weights on a path, exactly: places, strides and padding are taken into account.

    A flow of ones through a copy whose kernels are the mask itself, all others 1, with nothing added on the way. After every
    kernel what arrives is made 0 or 1 again, and so is the gradient on its way back: at no depth is there anything to
    overflow or to vanish. A weight is on a path if its gradient is not 0. (In float64, because oneDNN's float32 gradients
    corrupt memory for some narrow layers, see `tfsparse.masks.thinned`.)
    """
    copy = positive(model, "float64", _replace)
    kernels = prunable(copy)
    for path, variable in paths.weights(copy).items():
        if path in mask:
            variable.assign(mask[path].astype("float64"))
        elif variable.dtype.is_floating:
            variable.assign(tf.zeros_like(variable) if path.rsplit("/", 1)[-1] in _ADDED else tf.ones_like(variable))
    owners = {id(owner): owner for path, _, owner in paths.owned_weights(copy) if path in kernels}
    for owner in owners.values():
        _binarise(owner)
    watched = [kernels[path] for path in mask]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(watched)
        outputs = copy(_example(copy, input_shape), training=False)
        total = tf.add_n([tf.reduce_sum(output) for output in tf.nest.flatten(outputs)])
    slopes = tape.gradient(total, watched, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return {path: mask[path] & (slope.numpy() != 0) for path, slope in zip(mask, slopes, strict=True)}


def _example(copy, input_shape):
    if input_shape is None:
        return ones(copy, None, "float64")
    return tf.ones((1, *input_shape), tf.float64)


def _binarise(owner):
    """Makes what a layer's kernel gives 0 or 1, before its activation: those that saturate would stop large sums."""
    activation = getattr(owner, "activation", None)
    if activation is not None:
        owner.__dict__["activation"] = lambda x: activation(_bits(x))
    else:
        call = owner.call
        owner.__dict__["call"] = lambda *args, **kwargs: _bits(call(*args, **kwargs))


@tf.custom_gradient
def _bits(x):
    """1 where `x` is positive, else 0; the gradient likewise, and only where `x` is."""
    reached = tf.cast(x > 0, x.dtype)
    return reached, lambda slope: reached * tf.cast(slope > 0, x.dtype)


def _replace(layer):
    """What stands for a layer through which ones shall flow: maxima pass their gradient on to one place only, norms over
    channels take away what all have in common, a softmax's outputs sum to a constant."""
    if type(layer) in _POOLING:
        return _POOLING[type(layer)].from_config({**layer.get_config(), "dtype": "float64"})
    softmax = getattr(layer, "activation", None) is keras.activations.softmax
    if isinstance(layer, (*_NORMS, keras.layers.Softmax)) or (softmax and isinstance(layer, keras.layers.Activation)):
        return keras.layers.Activation("linear", name=layer.name, dtype="float64")
    return copy_layer(layer, activation="linear", dtype="float64") if softmax else None
