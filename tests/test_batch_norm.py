"""Derivatives of the fused kernel, against plain operations in float64."""

import numpy as np
import pytest
import tensorflow as tf

from tfsparse import batch_norm

CASES = {"NHWC": (4, 3, 2, 5), "NCHW": (4, 5, 3, 2)}


def plain(x, scale, offset, epsilon, data_format):
    axes = [axis for axis, letter in enumerate(data_format) if letter != "C"]
    spread = [-1 if letter == "C" else 1 for letter in data_format]
    mean = tf.reduce_mean(x, axes, keepdims=True)
    deviation = tf.sqrt(tf.reduce_mean((x - mean) ** 2, axes, keepdims=True) + epsilon)
    return tf.reshape(scale, spread) * (x - mean) / deviation + tf.reshape(offset, spread)


def derivatives(norm, data_format, dtype):
    """Outputs, first derivatives of a curved function of them, and those of a curved function of the first derivatives."""
    random = np.random.default_rng(0)
    inputs = [tf.constant(random.normal(1, 2, shape), dtype) for shape in (CASES[data_format], 5, 5)]
    weights = [tf.constant(random.normal(size=shape), dtype) for shape in (CASES[data_format], 5, 5)]
    with tf.GradientTape() as outer:
        outer.watch(inputs)
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            out = norm(*inputs, 0.1, data_format)
            value = tf.reduce_sum(tf.sin(out))
        first = inner.gradient(value, inputs)
        product = tf.add_n([tf.reduce_sum(w * tf.tanh(g)) for w, g in zip(weights, first, strict=True)])
    return [out, *first, *outer.gradient(product, inputs)]


@pytest.mark.parametrize("data_format", CASES)
@pytest.mark.parametrize("traced", [False, True])
def test_first_and_second_derivatives(data_format, traced):
    run = lambda: derivatives(batch_norm.fused, data_format, "float32")  # noqa: E731
    found = tf.function(run)() if traced else run()
    for ours, exact in zip(found, derivatives(plain, data_format, "float64"), strict=True):
        np.testing.assert_allclose(ours, exact, rtol=1e-4, atol=2e-5)


def test_one_value_a_channel_and_a_scale_of_zero():
    x = tf.constant(np.random.default_rng(0).normal(size=(1, 1, 1, 2)).astype("float32"))
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            out = batch_norm.fused(x, tf.constant([0.0, 2.0]), tf.constant([1.0, 3.0]), 1e-3, "NHWC")
        first = inner.gradient(out, x)
    np.testing.assert_array_equal(out, np.reshape([1.0, 3.0], (1, 1, 1, 2)))
    np.testing.assert_array_equal(first, np.zeros((1, 1, 1, 2)))
    np.testing.assert_array_equal(outer.gradient(first, x), np.zeros((1, 1, 1, 2)))


def test_half_precision():
    x = tf.cast(np.random.default_rng(0).normal(size=(4, 3, 2, 5)), tf.float16)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            out = batch_norm.fused(x, tf.ones(5), tf.zeros(5), 1e-3, "NHWC")
            value = tf.reduce_sum(out**3)
        first = inner.gradient(value, x)
    assert out.dtype == first.dtype == outer.gradient(first, x).dtype == tf.float16
