"""Layers through which a flow of ones would not find its way."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.diagnosis.test_diagnose import live, on_paths
from tfsparse import diagnose
from tfsparse.mask import Mask, prunable

layers = keras.layers


def chain(*parts, inputs=(6,)):
    return keras.Sequential([keras.Input(inputs), *parts])


def all_on_paths(model):
    found = diagnose(model, Mask.ones(model))
    assert not found.unknown and not found.disconnected
    assert {x.path: x.effective for x in found.layers} == {x.path: x.total for x in found.layers}


@pytest.mark.parametrize(
    "activation", ["sigmoid", "softplus", "softmax", "hard_sigmoid", "exponential", "gelu", "relu"]
)
@pytest.mark.parametrize("fused", [True, False])
def test_a_unit_that_nothing_reaches_is_on_no_path(activation, fused):
    """Whatever constant its activation makes of 0."""
    own = {"activation": activation} if fused else {}
    parts = [layers.Dense(2, name="a", **own), layers.Dense(3, name="b")]
    model = chain(parts[0], *([] if fused else [layers.Activation(activation)]), parts[1], inputs=(2,))
    assert on_paths(model, live(model, a=[[1, 0], [1, 0]])) == {"a": 2, "b": 3}


def test_nothing_saturates_or_cancels():
    """After sixty residual sums the numbers are large and alike."""
    inputs = x = keras.Input((4,))
    for number in range(60):
        x = layers.Add()([x, layers.Dense(4, name=f"d{number}")(x)])
    behind = [
        *(layers.Activation("tanh"), layers.Activation("sigmoid"), layers.Softmax(), layers.ReLU(6.0)),
        *(layers.ThresholdedReLU(2.0), layers.PReLU(), layers.LayerNormalization(), layers.UnitNormalization()),
        *(layers.GroupNormalization(2), layers.BatchNormalization(), layers.Dropout(0.5)),
    ]
    branches = [layer(layers.Dense(4, name=f"before_{layer.name}")(x)) for layer in behind]
    all_on_paths(
        keras.Model(
            inputs, [layers.Dense(2, name=f"{layer.name}_head")(y) for layer, y in zip(behind, branches, strict=True)]
        )
    )


def test_maxima_differences_and_functions_of_tensorflow():
    inputs = keras.Input((6,))
    a = layers.Dense(4, name="a")(inputs)
    x = layers.Subtract()([a, a]) * tf.reduce_max(a, -1, keepdims=True)
    x = layers.Maximum()([x, tf.maximum(x, layers.Dense(4, name="b")(x))]) - tf.reduce_mean(x, -1, keepdims=True)
    all_on_paths(keras.Model(inputs, tf.nn.softmax(layers.Dense(3, name="head")(tf.nn.sigmoid(x)))))


def test_attention():
    inputs = keras.Input((5, 8))
    x = layers.MultiHeadAttention(2, 3, name="heads")(inputs, inputs)
    x = layers.Attention()([layers.Dense(4, name="query")(x), layers.Dense(4, name="value")(x)])
    all_on_paths(keras.Model(inputs, layers.Dense(2, name="head")(layers.GlobalMaxPooling1D()(x))))


def test_attention_that_asks_nothing_still_hands_on_values():
    inputs = keras.Input((5, 4))
    x = layers.MultiHeadAttention(1, 4, name="attention")(inputs, inputs)
    model = keras.Model(inputs, layers.Dense(2, name="head")(layers.GlobalAveragePooling1D()(x)))
    arrays = {path: np.full(v.shape, "query" not in path) for path, v in prunable(model).items()}
    found = {x.path.split("/")[-2]: x.effective for x in diagnose(model, arrays).layers}
    assert found == {"query": 0, "key": 0, "value": 16, "output": 16, "head": 8}


def test_recurrent_embedded_and_distributed():
    numbers = keras.Input((6,))
    places = layers.Embedding(6, 4)(tf.range(6))
    x = layers.LSTM(64, return_sequences=True)(layers.Embedding(9, 4)(numbers) + places)
    x = layers.Bidirectional(layers.GRU(8))(layers.TimeDistributed(layers.Dense(8, name="inner"))(x))
    all_on_paths(keras.Model(numbers, layers.Dense(3, name="head")(x)))


class Block(layers.Layer):
    """A composite layer: pooling, a norm and a gate inside."""

    def build(self, shape):
        self.conv, self.pool = layers.Conv2D(4, 3, padding="same"), layers.MaxPooling2D()
        self.norm, self.gate = layers.LayerNormalization(), layers.Dense(4, activation="sigmoid")
        self.conv.build(shape)
        self.gate.build((None, 4))

    def call(self, x):
        x = self.norm(self.pool(self.conv(x)))
        return x * self.gate(tf.reduce_max(x, (1, 2), keepdims=True))

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}


class Own(layers.Layer):
    """A kernel of one's own, with what one likes around it."""

    def build(self, shape):
        self.kernel = self.add_weight("kernel", (shape[-1], 4))

    def call(self, x):
        return tf.nn.sigmoid(x @ self.kernel)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}


class Closed(Own):
    """Cannot be copied."""

    def get_config(self):
        raise NotImplementedError("no configuration")


def test_inside_composite_layers():
    all_on_paths(
        chain(Block(name="block"), layers.GlobalMaxPooling2D(), layers.Dense(2, name="head"), inputs=(8, 8, 3))
    )


def test_squeeze_and_excite():
    inputs = keras.Input((4, 4, 3))
    x = layers.Conv2D(4, 1, name="conv")(inputs)
    gate = layers.Dense(2, activation="relu", name="squeeze")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    gate = layers.Dense(4, activation="sigmoid", name="excite")(gate)
    outputs = layers.Dense(1, name="head")(layers.GlobalAveragePooling2D()(layers.Multiply()([x, gate])))
    model = keras.Model(inputs, outputs)
    # Channel 0 is empty: its gate, and what squeezes it, open nothing.
    found = on_paths(model, live(model, conv=[0, 1, 1, 1]))
    assert found == {"conv": 9, "squeeze": 6, "excite": 6, "head": 3}


def test_kernels_of_custom_layers():
    model = chain(Own(name="own"), Own(name="second"), layers.Dense(2, name="head"))
    all_on_paths(model)
    half = np.arange(4) < 2
    # What is inside stays hidden: the constant 0.5 of the empty half counts as an input of the second.
    assert on_paths(model, live(model, own=half)) == {"own": 12, "second": 16, "head": 8}


def test_what_cannot_be_copied_is_diagnosed_but_for_its_paths():
    model = chain(Closed(name="own"), layers.Dense(2, name="head"))
    found = diagnose(model, Mask.ones(model))
    assert found.effective is None and not found.disconnected and found.dense_flops == 2 * 32
    assert "'own' (Closed) cannot be copied" in found.unknown and "Closed" in found.table().caption


def test_two_inputs_and_two_outputs():
    one, two = keras.Input((4,)), keras.Input((3,))
    heads = [layers.Dense(2, name="p")(one), layers.Dense(2, name="q")(two)]
    model = keras.Model([one, two], heads)
    found = diagnose(model, live(model, p=False))
    assert [x.effective for x in found.layers] == [0, 6] and not found.disconnected


@pytest.mark.parametrize(
    "function",
    [lambda x: tf.nn.relu(-x), tf.nn.crelu, lambda x: tf.clip_by_value(x, -1.0, 1.0), tf.nn.gelu, tf.nn.silu],
    ids=["relu", "crelu", "clip", "gelu", "silu"],
)
def test_rectifiers_among_the_functions_of_tensorflow(function):
    inputs = keras.Input((6,))
    all_on_paths(keras.Model(inputs, layers.Dense(2, name="head")(function(layers.Dense(4, name="a")(inputs)))))


@pytest.mark.parametrize("end", [layers.GlobalAveragePooling1D, lambda: layers.LSTM(4)])
def test_words_that_are_masked(end):
    """A sentence of nothing is masked as a whole: its mean would be 0 / 0."""
    words = [layers.Embedding(20, 8, mask_zero=True), layers.Dense(6, "relu", name="a"), end(), layers.Dense(2)]
    all_on_paths(keras.Sequential([keras.Input((10,), dtype="int32"), *words]))


def test_what_divides_by_nothing_is_not_said_to_have_no_path():
    inputs = keras.Input((6,))
    x = layers.Dense(4, name="a")(inputs)
    model = keras.Model(inputs, layers.Dense(2, name="head")(x / tf.reduce_sum(x, -1, keepdims=True)))
    found = diagnose(model, Mask.ones(model))
    assert found.effective is None and "divides by" in found.unknown and not found.disconnected


def test_a_gate_and_its_opposite():
    """Beside the tensor that is taken from it stands a constant in the model's own precision."""
    inputs = keras.Input((4,))
    gate = layers.Dense(4, "sigmoid", name="gate")(inputs)
    all_on_paths(
        keras.Model(
            inputs, layers.Dense(3, name="head")(gate * inputs + (1 - gate) * layers.Dense(4, name="a")(inputs))
        )
    )
