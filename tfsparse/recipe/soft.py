"""Soft activations, and what they become on the way to ReLU.

Written with TensorFlow's functions, one takes a dozen passes over the activations. XLA compiles its value into one loop and
its slope into another, which cost hardly more than a ReLU.
"""

import tensorflow as tf


def pswish(x, beta):
    """x * sigmoid(beta * x).

    >>> pswish(tf.constant([0.0, 2.0]), 50.0).numpy().tolist()
    [0.0, 2.0]
    """
    # Clipped, so that an overflow of beta * x in half precision does no harm; the sigmoid is saturated there anyway.
    return x * tf.sigmoid(tf.clip_by_value(tf.cast(beta, x.dtype) * x, -60.0, 60.0))


def mish(x, beta):
    """x * tanh(softplus(x)); beta is not used."""
    return x * tf.tanh(tf.math.softplus(x))


def swish(x, beta):
    """x * sigmoid(x); beta is not used."""
    return tf.nn.silu(x)


SOFT = {"pswish": pswish, "swish": swish, "mish": mish}


def softened(x, strength, kind, beta):
    """The activation that a ghost neuron computes.

    Args:
        x: tensor of a floating dtype.
        strength: scalar float32 tensor, 1 (soft) to 0 (ReLU).
        kind: a name in `SOFT`.
        beta: first and last beta of PSwish.

    Returns:
        Tensor like `x`. No gradient goes to `strength`.

    >>> [softened(tf.constant([-1.0, 1.0]), tf.constant(s), "swish", (1.0, 1.0)).numpy().round(2) for s in (1.0, 0.0)]
    [array([-0.27,  0.73], dtype=float32), array([0., 1.], dtype=float32)]
    """

    @tf.custom_gradient
    def value(x):
        return _value(x, strength, kind, beta), lambda slope: _slope(x, slope, strength, kind, beta)

    return value(x)


def _formula(x, strength, kind, beta):
    return tf.cast(_exact(_wide(x), strength, kind, beta), x.dtype)


def _wide(x):
    """Half precision as float32: XLA would round after every operation, which takes longer than the operation."""
    return x if x.dtype == tf.float64 else tf.cast(x, tf.float32)


def _exact(x, strength, kind, beta):
    if kind == "pswish":
        first, last = beta
        return tf.where(strength > 0.0, pswish(x, first * (last / first) ** (1.0 - strength)), tf.nn.relu(x))
    part = tf.cast(strength, x.dtype)
    return part * SOFT[kind](x, None) + (1 - part) * tf.nn.relu(x)


_value = tf.function(_formula, jit_compile=True)


@tf.function(jit_compile=True)
def _slope(x, slope, strength, kind, beta):
    exact = _wide(x)
    with tf.GradientTape() as tape:
        tape.watch(exact)
        y = _exact(exact, strength, kind, beta)
    return tf.cast(tape.gradient(y, exact, _wide(slope)), x.dtype)
