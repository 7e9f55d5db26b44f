"""Forward passes that change nothing."""

import random

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from tf_keras.src import backend
from tf_keras.src.mixed_precision.policy import policy_scope

from tfsparse.frozen import frozen, kept_random_state

X = np.random.default_rng(0).normal(2, 3, (8, 6, 6, 3)).astype("float32")


def make(axis=-1, fused=None, activation="tanh", layer=keras.layers.BatchNormalization):
    inputs = keras.Input((6, 6, 3))
    x = keras.layers.Conv2D(4, 3)(inputs)
    x = layer(axis=axis, fused=fused)(x) if layer is keras.layers.BatchNormalization else layer()(x)
    x = keras.layers.Conv2D(2, 3)(keras.layers.Dropout(0.5)(keras.layers.Activation(activation)(x)))
    return keras.Model(inputs, keras.layers.BatchNormalization()(keras.layers.Flatten()(x)))


def values(model):
    return [variable.numpy().tobytes() for variable in model.variables]


class Subclassed(keras.Model):
    """Its call says nothing of training; its layers take it from the context."""

    def __init__(self):
        super().__init__()
        self.dense, self.norm, self.drop = (
            keras.layers.Dense(4),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
        )

    def call(self, inputs):
        return self.drop(self.norm(self.dense(tf.reshape(inputs, (-1, 108)))))


def without_dropout(model):
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    return model


@pytest.mark.parametrize("variant", [{}, {"fused": False}, {"axis": 1}, {"layer": keras.layers.LayerNormalization}])
@pytest.mark.parametrize("traced", [False, True])
def test_batch_mode_computes_as_training_does_without_dropout(variant, traced):
    model = without_dropout(make(**variant))
    with frozen(model, "batch") as forward:
        found = (tf.function(forward) if traced else forward)(X).numpy()
    np.testing.assert_allclose(found, model(X, training=True).numpy(), atol=2e-6)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("variant", [{}, {"axis": 1}])
def test_inference_computes_as_the_layers_own_code(variant, dtype):
    with policy_scope(dtype):
        model = make(**variant)
    for weight in model.layers[2].weights:
        weight.assign(np.random.default_rng(1).uniform(0.5, 2, weight.shape))
    with frozen(model) as forward:
        found = forward(X).numpy()
    np.testing.assert_allclose(found, model(X, training=False).numpy(), atol=2e-6 if dtype == "float32" else 0.05)


@pytest.mark.parametrize(("bn_mode", "trainable"), [("inference", True), ("batch", False), ("batch", True)])
def test_no_gradient_that_a_gpu_refuses(bn_mode, trainable):
    """With deterministic ops TensorFlow has none of the fused kernel in inference there: no mask was found by one."""
    model = make()
    model.layers[2].trainable = trainable
    kernel = model.layers[1].kernel

    @tf.function
    def slope():
        with tf.GradientTape() as tape:
            out = forward(X)
        return tape.gradient(out, kernel)

    with frozen(model, bn_mode) as forward:
        graph = slope.get_concrete_function().graph
    trains = [op.get_attr("is_training") for op in graph.get_operations() if op.type == "FusedBatchNormGradV3"]
    assert trains == [True] * (bn_mode == "batch" and trainable)


@pytest.mark.parametrize("bn_mode", ["inference", "batch"])
def test_nothing_stays(bn_mode):
    model = make()
    before, attributes = values(model), [sorted(vars(layer)) for layer in model.layers]
    with frozen(model, bn_mode) as forward:
        first = forward(X).numpy()
        assert (first == tf.function(forward)(X).numpy()).all() or np.allclose(
            first, tf.function(forward)(X), atol=1e-6
        )
        assert values(model) == before
        model.layers[1].kernel.assign_add(tf.ones_like(model.layers[1].kernel))
    assert values(model) == before
    assert [sorted(vars(layer)) for layer in model.layers] == attributes
    model(X, training=True)
    assert values(model) != before  # the layers work as ever


def test_an_error_restores_as_well():
    model = make()
    before = values(model)
    with pytest.raises(ZeroDivisionError), frozen(model, "batch") as forward:
        forward(X)
        model.set_weights([weight + 1 for weight in model.get_weights()])
        raise ZeroDivisionError
    assert values(model) == before
    assert "call" not in vars(model.layers[2])


def test_may_be_nested():
    model = make()
    with frozen(model, "batch") as outer, frozen(model, "batch") as inner:
        np.testing.assert_array_equal(outer(X), inner(X))
    assert "call" not in vars(model.layers[2])


def test_a_subclassed_model():
    model = Subclassed()
    model(X)
    before = values(model)
    with frozen(model, "batch") as forward:
        found = forward(X).numpy()
        assert (found == forward(X).numpy()).all()
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-5)
    assert values(model) == before


def test_what_training_would_keep_in_inference_stays_there():
    def norm_only(**options):
        return keras.Sequential([keras.layers.BatchNormalization(input_shape=(6, 6, 3), **options)])

    untrainable = norm_only(trainable=False)
    inputs = keras.Input((6, 6, 3))
    features = keras.Model(inputs, norm_only()(inputs, training=False))
    by_place = keras.Model(inputs, keras.layers.BatchNormalization()(inputs, False))
    follows = keras.Model(inputs, norm_only()(inputs))
    for model, batch in ((untrainable, False), (features, False), (by_place, False), (follows, True)):
        with frozen(model, "batch") as forward:
            assert (abs(forward(X).numpy().mean()) < 1e-3) == batch


def test_a_composite_layer_may_pass_training_by_its_place():
    class Block(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.norm = keras.layers.BatchNormalization()

        def call(self, inputs, training=None):
            return self.norm(inputs, training)

    with frozen(keras.Sequential([keras.Input((6, 6, 3)), Block()]), "batch") as forward:
        assert abs(forward(X).numpy().mean()) < 1e-3


@pytest.mark.parametrize("fused", [True, False])
def test_second_derivatives_in_batch_mode(fused):
    """Against finite differences of the first; `tf.nn.moments`, which Keras uses unfused, gets the second one wrong."""
    dtype = "float32" if fused else "float64"
    with policy_scope(dtype):
        model = make(fused=fused)
        kernel, x = model.layers[1].kernel, tf.cast(X, dtype)
        direction = tf.constant(np.random.default_rng(1).normal(size=kernel.shape), kernel.dtype)
        with frozen(model, "batch") as forward:

            def slope():
                with tf.GradientTape() as tape:
                    loss = tf.reduce_sum(forward(x) ** 3)
                return tf.reduce_sum(tape.gradient(loss, kernel) * direction)

            @tf.function
            def second():
                with tf.GradientTape() as tape:
                    inner = slope()
                return tf.reduce_sum(tape.gradient(inner, kernel) * direction)

            found, step, start = second(), 1e-2 if fused else 1e-5, kernel.numpy()
            sides = []
            for sign in (1, -1):
                kernel.assign(start + sign * step * direction.numpy())
                sides.append(slope())
            expected = (sides[0] - sides[1]) / (2 * step)
        np.testing.assert_allclose(found, expected, rtol=2e-2 if fused else 1e-5)


def test_unknown_mode():
    with pytest.raises(ValueError, match=r"Unknown bn_mode 'train'\. Known: batch, inference"), frozen(make(), "train"):
        pass


def test_random_states_are_put_back():
    def draw():
        generator = tf.random.get_global_generator()
        seed = backend._SEED_GENERATOR.generator.randint(0, 1 << 30)
        return random.random(), np.random.rand(), seed, float(generator.uniform([]))

    tf.random.set_global_generator(tf.random.Generator.from_seed(3))
    with kept_random_state():
        first = draw()
    assert draw() == first
    with pytest.raises(ZeroDivisionError), kept_random_state():
        draw()
        raise ZeroDivisionError
    assert draw() != first
