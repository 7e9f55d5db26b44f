"""What depends on the inputs of a network, followed layer by layer.

A network is given a batch of two halves, one with inputs and one without. Where the two differ, the inputs arrive. After
each kernel a difference is set to a number near 1 again, and so is the gradient on its way back, so that nothing overflows or
vanishes at any depth. These numbers are drawn at random, from fixed seeds: equal ones would leave no difference behind a
layer that subtracts a mean or divides by a sum.
"""

import functools

import tensorflow as tf
import tf_keras as keras

from tfsparse import paths
from tfsparse.positive import in_dtype

NOTHING = 1e-10  # differences below are rounding; a mean over a map of 4096 x 4096 pixels is above


def _one_more(x, *_, **__):
    return x + 1


def _as_it_is(x, *_, **__):
    return x


_POOLING = {
    keras.layers.MaxPooling1D: keras.layers.AveragePooling1D,
    keras.layers.MaxPooling2D: keras.layers.AveragePooling2D,
    keras.layers.MaxPooling3D: keras.layers.AveragePooling3D,
    keras.layers.GlobalMaxPooling1D: keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalMaxPooling2D: keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling3D: keras.layers.GlobalAveragePooling3D,
}
_RECTIFIERS = (
    *(keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.PReLU),
    *(keras.layers.ELU, keras.layers.ThresholdedReLU),
)
_IDENTITIES = (*_RECTIFIERS, keras.layers.Masking, keras.layers.Rescaling, keras.layers.Normalization)
_MERGES = (keras.layers.Maximum, keras.layers.Minimum, keras.layers.Subtract)
_OPERATIONS = {  # by the name that Keras gives a TensorFlow function called on its tensors
    **{"math.reduce_max": tf.reduce_sum, "math.reduce_min": tf.reduce_sum},
    **{"math.maximum": tf.add, "math.minimum": tf.add, "math.subtract": tf.add},
    **dict.fromkeys(("math.sigmoid", "nn.softmax", "math.softplus"), _one_more),
    **dict.fromkeys(("math.tanh", "clip_by_value", "nn.relu", "nn.relu6", "nn.leaky_relu"), _as_it_is),
    **dict.fromkeys(("nn.elu", "nn.selu", "nn.gelu", "nn.silu", "nn.swish"), _as_it_is),
    "compat.v1.nn.crelu": lambda x, axis=-1, **_: tf.concat([x, x], axis),
}


def follow(model, kernels):
    """Changes `model`, a copy, so that a pair of examples shows what depends on its inputs, parts of composite layers included.

    Maxima, which pass their gradient on to one place only, become means and sums; rectifiers and other activations let
    everything through, so that none saturates (`positive` has opened the norms). What is not 0 at an input of 0 (a sigmoid)
    stays so: a gate that nothing reaches is half open. Functions hidden in a custom layer's own `call` stay as they are: if a
    kernel is used there, weights that only a constant reaches may count, too.

    Args:
        model: copy that is thrown away later.
        kernels: paths of the weights after which differences are set near 1 again.
    """
    owners = {id(owner): owner for path, _, owner in paths.owned_weights(model) if path in kernels}
    for seed, layer in enumerate({id(layer): layer for layer in model._flatten_layers()}.values()):
        if id(layer) in owners:
            _renew_after(layer, seed)
        else:
            _open(layer, seed)


def _open(layer, seed):
    """Lets everything through a layer without a kernel. (Keras tracks attributes that are set; `vars` avoids that.)"""
    own = vars(layer)
    own["compute_mask"] = lambda *_, **__: None  # the example without inputs would be masked as a whole
    if type(layer) in _POOLING:
        own["call"] = _POOLING[type(layer)].from_config(layer.get_config()).call
    elif isinstance(layer, _IDENTITIES):
        own["call"] = _as_it_is
    elif isinstance(layer, keras.layers.Softmax):
        own["call"] = _one_more
    elif isinstance(layer, keras.layers.Activation):
        own["activation"] = _opened(layer.activation)
    elif isinstance(layer, _MERGES):
        own["call"] = lambda tensors: functools.reduce(tf.add, tensors)
    elif isinstance(layer, keras.layers.Embedding):
        own["call"] = lambda numbers, call=layer.call: _looked_up(numbers, call(numbers), seed)
    elif getattr(layer, "symbol", None) in _OPERATIONS:
        own["call"] = in_dtype(layer.compute_dtype, _OPERATIONS[layer.symbol])  # constants beside tensors, too


def _opened(activation):
    """The identity, or `x + 1` for an activation that is not 0 at 0."""
    at_zero = activation(tf.zeros((1, 1), tf.float64))
    return _one_more if bool(tf.reduce_any(at_zero != 0)) else keras.activations.linear


def _looked_up(numbers, vectors, seed):
    """Vectors that differ within the pair where the numbers that they are looked up by differ; those of positions do not."""
    if numbers.shape[0] != 2:  # positions, without a batch
        return vectors
    differ = tf.cast(numbers[:1] != numbers[1:], vectors.dtype)[..., tf.newaxis] * tf.ones_like(vectors[:1])
    return tf.concat([_renewed(differ, seed), tf.zeros_like(differ)], 0)


def _renew_after(owner, seed):
    """Sets the difference in the outputs of a layer with a kernel near 1."""
    own, call = vars(owner), owner.call
    activation = _opened(getattr(owner, "activation", None) or keras.activations.linear)

    def linear(inputs, *args, **kwargs):  # exactly 0 where nothing arrives: no rounding of large sums
        arriving, constant = tf.split(inputs, 2)
        change = _renewed(call(tf.abs(arriving - constant), *args, **kwargs), seed)
        return activation(tf.concat([change, tf.zeros_like(change)], 0))

    def custom(*args, **kwargs):
        return tf.nest.map_structure(functools.partial(_renewed_pair, seed=seed), call(*args, **kwargs))

    if type(owner).__module__.startswith("tf_keras."):
        own["activation"], own["call"] = keras.activations.linear, linear
    else:
        own["call"] = custom


def _renewed_pair(outputs, seed):
    """`_renewed` for the difference between the halves; what they have in common stays, bounded, since gates need it."""
    arriving, constant = tf.split(outputs, 2)
    kept = tf.clip_by_value(tf.stop_gradient(constant), -1, 1)
    return tf.concat([kept + _renewed(arriving - constant, seed), kept], 0)


def _renewed(x, seed):
    """Numbers near 1 where `x` is not 0; the gradient likewise, and only where `x` is not 0."""

    def drawn(part):
        return tf.random.stateless_uniform(tf.shape(x), (seed, part), 0.5, 1.5, x.dtype)

    @tf.custom_gradient
    def renewed(x):
        reached = tf.cast(tf.abs(x) > NOTHING, x.dtype)
        return reached * drawn(1), lambda slope: reached * tf.cast(tf.abs(slope) > NOTHING, x.dtype) * drawn(2)

    return renewed(x)
