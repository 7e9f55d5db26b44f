"""Layers whose kernels TensorFlow does not derive twice, or derives wrongly."""

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsparse.frozen import frozen

L, random = keras.layers, np.random.default_rng(0)


def check(model, kernel, images):
    """The change of the gradient of `kernel` along a direction, derived, and by two steps there and back."""
    labels, along = tf.constant([0, 1, 2, 0]), tf.constant(random.normal(size=kernel.shape))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    expected = model(images)
    with frozen(model) as forward:

        def gradient():
            with tf.GradientTape() as tape:
                value = loss(labels, forward(images))
            return tape.gradient(value, kernel)

        np.testing.assert_allclose(forward(images), expected, rtol=1e-9)
        with tf.GradientTape() as tape:
            product = tf.reduce_sum(gradient() * along)
        found = tape.gradient(product, kernel)
        start, ends = kernel.numpy(), []
        for step in (1e-5, -1e-5):
            kernel.assign(start + step * along)
            ends.append(gradient())
    np.testing.assert_allclose(found, (ends[0] - ends[1]) / 2e-5, atol=1e-6 * np.abs(found).max())


def test_images_that_are_repeated():
    """The kernel's gradient has none: U-Nets could not be rescaled, nor ranked by GraSP."""
    options = {"dtype": "float64"}
    small = L.Conv2D(2, 3, activation="tanh", name="small", **options)
    parts = [small, L.UpSampling2D((2, 3), **options), L.Conv2D(3, 3, **options), L.GlobalAveragePooling2D(**options)]
    model = keras.Sequential([keras.Input((4, 5, 2), dtype="float64"), *parts])
    check(model, small.kernel, random.normal(size=(4, 4, 5, 2)))
    assert "call" not in vars(model.layers[1])


def test_layer_norms_that_have_no_kernel():
    """An epsilon below 1e-5, as vision transformers have it; products with the Hessian were off by some percent."""
    options = {"dtype": "float64"}
    first = L.Conv1D(4, 1, name="first", **options)
    for axis in (-1, [1, 2]):
        norm = L.LayerNormalization(axis, epsilon=1e-6, **options)
        parts = [first, norm, L.Activation("tanh", **options), L.Flatten(**options), L.Dense(3, **options)]
        model = keras.Sequential([keras.Input((5, 2), dtype="float64"), *parts])
        norm.gamma.assign(random.normal(size=norm.gamma.shape))
        check(model, first.kernel, random.normal(size=(4, 5, 2)))
