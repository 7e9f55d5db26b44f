"""A block with ghosts is the reference's."""

import functools

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.fixtures_net import SHARED, load, to_keras
from tfsparse.recipe.ghost_skip import GhostSkip
from tfsparse.surgery import Surgery

K = keras.layers
needs_fixtures = pytest.mark.skipif(not SHARED.is_dir(), reason=f"reference fixtures are not at {SHARED}")


@functools.cache
def units():
    return load("recipe_units")[0]


def norm(name):
    return K.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)


def block(down, channels):
    """The reference's basic block, plain: its names, explicit padding."""
    x = keras.Input((8, 8, 8))
    y = K.Conv2D(channels, 3, 2 if down else 1, use_bias=False, name="conv1")(K.ZeroPadding2D(1)(x))
    y = K.ReLU(name="relu1")(norm("bn1")(y))
    y = norm("bn2")(K.Conv2D(channels, 3, use_bias=False, name="conv2")(K.ZeroPadding2D(1)(y)))
    shortcut = norm("shortcut.1")(K.Conv2D(channels, 1, 2, use_bias=False, name="shortcut.0")(x)) if down else x
    return keras.Model(x, K.ReLU(name="out")(K.Add()([y, shortcut])))


def with_ghosts(down, strength, prefix):
    """The block after surgery, `GhostSkip`s at a fixed strength; reference names -> variables."""
    model = block(down, 16 if down else 8)
    surgery, ghosts = Surgery(model), {}
    for call in list(surgery.calls):
        if call.path in ("conv1", "conv2"):
            source = surgery.producer(call.inputs[0]).inputs[0]
            ghosts[call.path] = ghost = GhostSkip(model.output_shape[-1], call.layer.strides, "zeros", "clock")
            place = surgery.consumers(call.outputs)[0]
            surgery.after(place, functools.partial(add, ghost, source, strength))
    prepared = surgery.build()
    layers = {layer.name: layer for layer in prepared.layers}
    for number in (1, 2):
        layers[f"conv_jump{number}"] = ghosts[f"conv{number}"].convolution
        layers[f"conv_jump{number}_bn"] = ghosts[f"conv{number}"].normalization
    variables = {}
    for name in [key.removeprefix(f"{prefix}/param/") for key in units() if key.startswith(f"{prefix}/param/")]:
        layer, part = layers[name.rpartition(".")[0]], name.rpartition(".")[2]
        order = ["weight", "bias", "running_mean", "running_var"]
        variables[name] = layer.weights[order.index(part)]
        variables[name].assign(to_keras(units()[f"{prefix}/param/{name}"]))
    return prepared, variables


def add(ghost, source, strength, output, tensor):
    return ghost([output, tensor(source), tf.constant(strength)])


@needs_fixtures
@pytest.mark.parametrize("kind", ["same/fill", "same/random", "down/fill", "down/random"])
@pytest.mark.parametrize("strength", ["1", "0.5", "0"])
def test_the_block_equals_the_reference(kind, strength):
    prefix = f"skip/{kind}"
    model, variables = with_ghosts("down" in kind, float(strength), prefix)
    nhwc = lambda array: array.transpose(0, 2, 3, 1)  # noqa: E731
    x, cotangent = tf.constant(nhwc(units()[f"{prefix}/x"])), nhwc(units()[f"{prefix}/cotangent"])
    for mode in ("eval", "train"):
        given = f"{prefix}/alpha{strength}_{mode}"
        trainable = {name: v for name, v in variables.items() if "running" not in name}
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = model(x, training=mode == "train")
        np.testing.assert_allclose(y, nhwc(units()[f"{given}/y"]), atol=1e-5)
        if strength == "0.5":
            dx, grads = tape.gradient(y, [x, trainable], output_gradients=tf.constant(cotangent))
            close = functools.partial(closer, 1e-3 if "fill" in kind and mode == "train" else 1e-4)
            close(dx, nhwc(units()[f"{given}/dx"]))
            for name, gradient in grads.items():
                close(gradient, to_keras(units()[f"{given}/grad/{name}"]))
        if strength == "0":
            plain = block("down" in kind, y.shape[-1])
            shared = {layer.name for layer in plain.layers if layer.weights}
            for name in shared:
                plain.get_layer(name).set_weights(model.get_layer(name).get_weights())
            if mode == "eval":
                np.testing.assert_allclose(y, plain(x), atol=1e-6)


def closer(tolerance, ours, theirs):
    np.testing.assert_allclose(ours, theirs, atol=tolerance * np.abs(theirs).max())
