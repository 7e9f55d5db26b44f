"""Copies of models: same architecture, same weights, nothing in common."""

import keras_cv
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import make_model
from tfsparse import paths
from tfsparse.counterparts import copy_weights
from tfsparse.graph import clone, copy_layer, fresh, is_graph, require_graph

TINY = {"stackwise_filters": [4, 8], "stackwise_blocks": [1, 1], "stackwise_strides": [1, 2]}


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(2)

    def call(self, x):
        return self.dense(x)


class Forgetful(keras.layers.Layer):
    """Its configuration lacks an argument."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def get_config(self):
        return {"name": self.name}


def kerascv():
    backbone = keras_cv.models.ResNetBackbone(**TINY, include_rescaling=False, input_shape=(16, 16, 3))
    return keras_cv.models.ImageClassifier(backbone=backbone, num_classes=3)


def nested():
    inner = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(3, 3, padding="same")], name="inner")
    x = keras.Input((8, 8, 3))
    return keras.Model(x, make_model()(inner(inner(x))))


@pytest.mark.parametrize("make", [make_model, nested, kerascv])
def test_a_clone_is_the_same_and_shares_nothing(make):
    model = make()
    copy = clone(model)
    assert type(copy) is type(model)
    assert [type(layer) for layer in copy.layers] == [type(layer) for layer in model.layers]
    assert list(paths.weights(copy)) == list(paths.weights(model))
    assert not {id(v) for v in copy.weights} & {id(v) for v in model.weights}
    x = np.random.default_rng(0).normal(size=(2, *model.input_shape[1:])).astype("float32")
    for training in (False, True):
        np.testing.assert_allclose(copy(x, training=training), model(x, training=training), atol=1e-6)


def test_layers_can_be_replaced_and_know_their_path():
    seen = []

    def replace(path, layer):
        seen.append(path)
        return copy_layer(layer, trainable=False)

    copy = clone(nested(), replace)
    assert not copy.trainable_variables
    assert {"inner/conv2d", "tiny/stem", "tiny/head"} <= set(seen)


def test_weights_go_both_ways_but_not_between_strangers():
    """One model may have more layers (ghosts) than the other, in either direction."""
    x = keras.Input((3,))
    small = keras.Model(x, keras.layers.Dense(2, name="a")(x), name="small")
    large = keras.Model(x, keras.layers.Dense(2, name="b")(keras.layers.Dense(2, name="a")(x)))
    copy_weights(small, large)
    np.testing.assert_array_equal(large.layers[1].kernel, small.layers[1].kernel)
    large.layers[1].kernel.assign_add(tf.ones((3, 2)))
    copy_weights(large, small)
    np.testing.assert_array_equal(large.layers[1].kernel, small.layers[1].kernel)
    other = keras.Model(x, keras.layers.Dense(2, name="c")(x))
    with pytest.raises(ValueError, match="has no layer 'a' to take the weights of 'small'"):
        copy_weights(small, other)


def test_black_boxes_are_refused():
    model = Own()
    model(tf.zeros((1, 3)))
    assert not is_graph(model) and is_graph(make_model()) and is_graph(keras.Sequential())
    with pytest.raises(ValueError, match="Copying needs a functional or Sequential model; 'own.*subclassed Own"):
        clone(model)
    with pytest.raises(ValueError, match="Ghosts needs"):
        require_graph(model, "Ghosts")


def test_a_layer_that_its_configuration_does_not_bring_back_is_named():
    with pytest.raises(ValueError, match="(?s)Layer 'mine' .Forgetful. cannot be copied.*get_config"):
        copy_layer(Forgetful(3, name="mine"))


class Scale(keras.layers.Layer):
    """Registered nowhere."""

    def call(self, x):
        return 2 * x


class Net(keras.Model):
    """Built as a functional model, its layers' names made up by Keras."""

    def __init__(self, units):
        images = keras.Input((8, 8, 3))
        x = keras.layers.Conv2D(4, 3, activation="relu")(images)
        super().__init__(images, keras.layers.Dense(units)(keras.layers.Flatten()(x)))


class Described(Net):
    """Its configuration is right, but gives other names."""

    def __init__(self, units):
        super().__init__(units)
        self.units = units

    def get_config(self):
        return {"units": self.units}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def sharing():
    """Two models share a layer, as features of two depths do."""
    images = keras.Input((8, 8, 3))
    early = keras.layers.Conv2D(3, 3, padding="same", name="early")(images)
    late = keras.layers.Conv2D(3, 3, padding="same", name="late")(early)
    shallow, deep = keras.Model(images, early, name="shallow"), keras.Model(images, late, name="deep")
    x = keras.Input((8, 8, 3))
    return keras.Model(x, keras.layers.Flatten()(keras.layers.Concatenate()([deep(x), shallow(x)])))


def lambdas():
    x = keras.Input((8, 8, 3))
    return keras.Model(x, make_model()(Scale()(keras.layers.Lambda(lambda t: t + 1)(x))))


@pytest.mark.parametrize("make", [lambdas, sharing, lambda: Net(4), lambda: Described(4)])
def test_whatever_keras_can_compute_is_copied(make):
    """Nothing is deserialised: layers are copied from their own class, each once for all nested models together."""
    model = make()
    copy, other = clone(model), fresh(model)
    assert list(paths.weights(copy)) == list(paths.weights(other)) == list(paths.weights(model))
    assert copy.count_params() == model.count_params()
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    np.testing.assert_allclose(copy(x), model(x), atol=1e-6)
