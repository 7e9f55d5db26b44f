"""Compaction beside layers and functions that keep or take more than weights."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsparse import paths
from tfsparse.compaction import compact
from tfsparse.mask import Mask
from tfsparse.recipe import prepare

L = keras.layers
X = np.random.default_rng(0).normal(50, 20, (5, 6)).astype("float32")


class Parts(tf.Module):
    def __init__(self):
        super().__init__()
        self.w = tf.Variable(tf.random.normal((3, 3)), name="w")


class Keeper(L.Layer):
    """Its weight is kept in a module that is no layer."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.parts = Parts()

    def call(self, x):
        return x @ self.parts.w


@keras.utils.register_keras_serializable()
def centred(x):
    return x - tf.reduce_mean(x, -1, keepdims=True)


def half_dead(layer):
    """Takes half of the layer's units off its inputs; their bias stays."""
    kernel, bias = layer.get_weights()
    kernel[..., : kernel.shape[-1] // 2] = 0
    layer.set_weights([kernel, bias + 1])
    return layer


def normalised():
    norm = L.Normalization()
    norm.adapt(X)
    return keras.Sequential([keras.Input((6,)), norm, L.Dense(8, name="d"), L.Dense(3)])


def keeping():
    return keras.Sequential([keras.Input((6,)), L.Dense(8, name="d"), L.Dense(3), Keeper(name="keeper")])


def with_options():
    x = keras.Input((6,))
    return keras.Model(x, L.Dense(2)(tf.nn.silu(L.Dense(8, name="d")(x / 50), beta=3.0)))


def sharing_a_reshape():
    x, reshape = keras.Input((2, 3)), L.Reshape((2, 1, 8))
    a, b = reshape(L.Dense(8, name="d")(x)), reshape(L.Dense(8)(x))
    both = [L.Flatten()(L.Dense(5, activation="relu")(y)) for y in (a, b)]
    return keras.Model(x, L.Dense(2)(L.Concatenate()(both)))


def pooling_under_a_mask(steps):
    x = keras.Input((steps, 6))
    mask = tf.reduce_any(tf.not_equal(x, 0.0), -1)
    return keras.Model(x, L.Dense(2)(L.GlobalAveragePooling1D()(L.Dense(8, name="d")(x), mask=mask)))


def pooling_fewer_steps_than_channels():
    return pooling_under_a_mask(1)


def pooling_as_many_steps_as_channels():
    return pooling_under_a_mask(8)


def batch_statistics_always():
    x = keras.Input((6,))
    return keras.Model(x, L.Dense(2)(L.BatchNormalization()(L.Dense(8, name="d")(x), training=True)))


CASES = [normalised, keeping, with_options, sharing_a_reshape, batch_statistics_always]
CASES += [pooling_fewer_steps_than_channels, pooling_as_many_steps_as_channels]


@pytest.mark.parametrize("make", CASES)
def test_the_small_network_computes_the_same(make):
    model = make()
    half_dead(model.get_layer("d"))
    x = np.resize(X, (5, *model.input_shape[1:]))
    expected = model(x)
    np.testing.assert_allclose(compact(model).model(x), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("activation", ["softmax", L.LeakyReLU(0.3), centred])
def test_an_activation_that_is_not_known_keeps_its_outputs_only(activation):
    """All that such a layer read was kept, and behind a residual sum the whole stage: of a softmax at the end, say."""
    taken = []
    for last in (None, activation):
        x = keras.Input((6,))
        y = L.ReLU()(L.Dense(8, name="d")(x / 50))
        model = keras.Model(x, L.Dense(4, activation=last, name="e")(y))
        for name in ("d", "e"):
            half_dead(model.get_layer(name))
        small = compact(model)
        taken.append((small.channels, small.parameters))
        np.testing.assert_allclose(small.model(X), model(X), rtol=1e-4, atol=1e-5)
    assert taken[0] == taken[1] and taken[0][0][1] < taken[0][0][0], taken


def test_a_dropout_that_always_drops_goes_on_dropping():
    x = keras.Input((6,))
    model = keras.Model(x, L.Dense(2)(L.Dropout(0.5)(L.Dense(8, name="d")(x), True)))
    kernel, bias = model.get_layer("d").get_weights()
    model.get_layer("d").set_weights([np.zeros_like(kernel), bias + 1])
    spread = [net(np.ones((4000, 6), "float32")).numpy().std(0) for net in (model, compact(model).model)]
    np.testing.assert_allclose(*spread, rtol=0.1)


def test_channels_whose_activities_are_regularised_stay_for_training():
    x = keras.Input((6,))
    regularised = L.Dense(8, activity_regularizer="l2", name="b")
    model = keras.Model(x, L.Dense(2, name="c")(regularised(L.Dense(4, name="a")(x))))
    live = np.ones((8, 2), bool)
    live[:4] = False
    small = compact(model, {"c/kernel": live}).model
    gradients = []
    for net in (model, small):
        with tf.GradientTape() as tape:
            net(X, training=True)
            loss = tf.add_n(net.losses)
        gradients.append(tape.gradient(loss, net.get_layer("a").kernel))
    np.testing.assert_allclose(*gradients, rtol=1e-5)


def test_weights_in_modules_have_paths():
    assert "keeper/w" in paths.weights(keeping())


@pytest.mark.parametrize("merge", [L.Add, L.Multiply, L.Concatenate])
def test_a_constant_beside_channels_keeps_them_all(merge):
    """Position encodings are added so: the constant is as wide as all channels are."""
    x = keras.Input((6, 8))
    dense = L.Dense(8, name="hidden")
    model = keras.Model(x, L.Dense(3)(L.Flatten()(merge()([dense(x), tf.ones((1, 6, 8))]))))
    dense.kernel.assign(dense.kernel * ([0.0] * 4 + [1.0] * 4))
    assert compact(model).channels == (11, 11)


def test_channels_first_are_told_by_the_place_of_ghosts(task):
    x = keras.Input((3, 8, 8))
    first = {"padding": "same", "data_format": "channels_first"}
    y = L.ReLU()(L.BatchNormalization(axis=1)(L.Conv2D(3, 3, **first, name="conv")(x)))
    model = keras.Model(x, L.Dense(3)(L.Flatten()(L.Add()([x, L.Conv2D(3, 3, **first, name="second")(y)]))))
    with pytest.raises(ValueError, match="no convolution that a ghost skip fits around"):
        prepare(model, Mask.ones(model), "ghost_skips", task)
