"""Paths name every weight once, the same in every copy of a model."""

import numpy as np
import pytest
import tf_keras as keras

from tests.conftest import dead, make_mask, make_model
from tfsparse import paths
from tfsparse.graph import clone
from tfsparse.mask import prunable, sparsify
from tfsparse.surgery import Surgery


class Block(keras.layers.Layer):
    """Names its parts after itself, as KerasCV's blocks do, and leaves one to Keras."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = keras.layers.Dense(3, name=self.name + "expand")
        self.second = keras.layers.Dense(3)

    def build(self, input_shape):
        self.first.build(input_shape)
        self.second.build(input_shape)
        super().build(input_shape)

    def call(self, x):
        return self.second(self.first(x))


class _Private(keras.layers.Layer):
    """Keras makes its name up by another rule."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return self.dense(x)


class Around(_Private):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = _Private()


def nested():
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, name="dense")], name="inner")
    x = keras.Input((3,))
    y = Block(name="block_")(keras.layers.Dense(3, name="dense")(x))
    return keras.Model(x, inner(inner(y)))


def test_names_may_repeat_and_shared_layers_come_once():
    assert list(paths.weights(nested())) == [
        "dense/kernel",
        "dense/bias",
        *[f"block_/{part}/{weight}" for part in ("expand", "dense") for weight in ("kernel", "bias")],
        "inner/dense/kernel",
        "inner/dense/bias",
    ]


def test_every_weight_has_a_path():
    model = make_model()
    assert {id(v) for v in paths.weights(model).values()} == {id(v) for v in model.weights}


def test_parts_of_composite_layers_keep_their_paths_under_another_name():
    """Copies of nested models name their layers by the whole path; parts named after the layer must not follow."""
    first, second = Block(name="block_"), Block(name="outer/block_")
    for block in (first, second):
        block.build((None, 3))
    names = [[name for name, _, _ in paths.owned_weights_of(block)] for block in (first, second)]
    assert names[0] == names[1] == ["expand/kernel", "expand/bias", "dense/kernel", "dense/bias"]


def test_parts_of_attention_inside_a_nested_model():
    """The part is named attention_output wherever the layer stands, and the layer of a copy is called inner/attention."""
    inputs, words = keras.Input((6, 8)), keras.Input((6, 8))
    inner = keras.Model(inputs, keras.layers.MultiHeadAttention(2, 4, name="attention")(inputs, inputs), name="inner")
    model = keras.Model(words, keras.layers.Dense(3, name="head")(inner(words)))
    assert "inner/attention/output/kernel" in paths.weights(model)
    assert list(paths.weights(Surgery(model).build())) == list(paths.weights(model))


def test_a_copy_made_later_has_the_same_paths():
    model = nested()
    keras.layers.Dense(1), Block()  # Keras' counters go on
    replaced = clone(model, lambda path, layer: type(layer).from_config(layer.get_config()))
    assert list(paths.weights(replaced)) == list(paths.weights(model))


def test_parts_of_private_classes_have_the_same_paths_in_a_copy():
    model = keras.Sequential([keras.Input((3,)), Around(name="around")])
    assert list(paths.weights(sparsify(model, make_mask(model)))) == list(paths.weights(model))


def test_wrappers_are_transparent():
    model = make_model()
    sparse = sparsify(model, make_mask(model))
    ours, theirs = paths.weights(sparse), paths.weights(model)
    assert list(ours) == list(theirs)
    assert [paths.unwrap(layer).name for layer in sparse.layers] == [layer.name for layer in model.layers]


def test_a_weight_that_a_wrapper_holds_too_is_that_of_the_layer():
    """Else the kernel would be one of Keras' own layers that have none, and no mask would see it."""
    layers = [
        keras.layers.SpectralNormalization(keras.layers.Dense(8, name="inner"), name="outer"),
        keras.layers.Dense(4),
    ]
    model = keras.Sequential([keras.Input((10,)), *layers])
    assert next(iter(prunable(model))) == "outer/inner/kernel" and len(prunable(model)) == 2
    sparse = sparsify(model, make_mask(model))
    assert set(paths.weights(model)) <= set(paths.weights(sparse))
    x = np.random.default_rng(0).normal(size=(4, 10)).astype("float32")
    assert sparse(x, training=True).shape == (4, 4) and dead(sparse, make_mask(model)) == 0


def test_a_subclassed_model_has_its_own_weights_too():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(2, name="dense")
            self.scale = self.add_weight("scale", shape=(2,))

        def call(self, x):
            return self.dense(x) * self.scale

    model = Own()
    model(np.zeros((1, 3), "float32"))
    assert sorted(paths.weights(model)) == ["dense/bias", "dense/kernel", "scale"]


@pytest.mark.parametrize("name", ["scale", "kernel"])
def test_two_weights_of_one_name_are_told_apart(name):
    class Twice(keras.layers.Layer):
        def build(self, input_shape):
            self.a, self.b = self.add_weight(name, shape=(1,)), self.add_weight(name, shape=(1,))

        def call(self, x):
            return x * self.a * self.b

    model = keras.Sequential([keras.Input((1,)), Twice(name="twice")])
    assert list(paths.weights(model)) == [f"twice/{name}", f"twice/{name}_1"]


def test_a_layer_that_also_stands_in_a_composite_one_comes_once():
    dense, steps, one = keras.layers.Dense(3, name="dense"), keras.Input((4, 3)), keras.Input((3,))
    x = keras.layers.GlobalAveragePooling1D()(keras.layers.TimeDistributed(dense, name="each")(steps))
    model = keras.Model([steps, one], keras.layers.Add()([x, dense(one)]))
    assert list(paths.weights(model)) == ["each/dense/kernel", "each/dense/bias"]


def test_models_inside_models_may_have_weights_of_their_own():
    """Such as the class token of a vision transformer; whether it is trained or not."""

    class Inner(keras.Model):
        def __init__(self, trainable):
            super().__init__(name="inner")
            self.dense = keras.layers.Dense(4, name="dense")
            self.token = self.add_weight(name="token", shape=(4,), trainable=trainable)

        def call(self, x):
            return self.dense(x) + self.token

    class Outer(keras.Model):
        def __init__(self, trainable):
            super().__init__()
            self.inner = Inner(trainable)

        def call(self, x):
            return self.inner(x)

    for trainable in (True, False):
        model = Outer(trainable)
        model(np.zeros((1, 3), "float32"))
        found = paths.weights(model)
        assert sorted(found) == ["inner/dense/bias", "inner/dense/kernel", "inner/token"]
        assert {id(variable) for variable in found.values()} == {id(variable) for variable in model.weights}
