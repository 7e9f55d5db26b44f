"""Every ReLU is softened, as the formulas say, and becomes ReLU again."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import make_model
from tests.fixtures_net import SHARED, load
from tfsparse.recipe import GhostNeurons, prepare
from tfsparse.recipe.ghost_neurons import GhostNeuron
from tfsparse.recipe.soft import mish, pswish, swish

K = keras.layers
needs_fixtures = pytest.mark.skipif(not SHARED.is_dir(), reason=f"reference fixtures are not at {SHARED}")


def slope(function, x):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return y.numpy(), tape.gradient(y, x).numpy()


@needs_fixtures
@pytest.mark.parametrize("name", ["pswish/beta1", "pswish/beta2", "pswish/beta10", "pswish/beta100", "silu", "mish"])
def test_values_and_slopes_equal_the_reference(name):
    arrays, _ = load("recipe_units")
    kind, beta = name.split("/")[0], float(name.partition("beta")[2] or 1)
    y, dydx = slope(lambda x: {"pswish": pswish, "silu": swish, "mish": mish}[kind](x, beta), arrays["pswish/x"])
    exact = "_f64" if kind == "pswish" else ""
    np.testing.assert_allclose(y, arrays[f"{name}/y{exact}"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(dydx, arrays[f"{name}/dydx{exact}"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("beta", [1.0, 7.0, 50.0])
def test_the_gap_to_relu_is_as_published(beta):
    x = np.linspace(-10, 10, 200_001, dtype="float32")
    gap = np.abs(pswish(tf.constant(x), beta).numpy() - np.maximum(x, 0)).max()
    assert gap == pytest.approx(0.27846 / beta, rel=1e-3)
    y, dydx = slope(lambda x: pswish(x, beta), [0.0])
    assert y == 0 and dydx == 0.5


def every_relu():
    x = inputs = keras.Input((8, 8, 3))
    x = K.ReLU(name="a")(K.Conv2D(4, 3, activation="relu", name="b")(x))
    x = K.Activation("relu", name="c")(K.DepthwiseConv2D(3, activation=tf.nn.relu, name="d")(x))
    inner = keras.Sequential([keras.Input((4, 4, 4)), K.ReLU(max_value=6.0, name="e")], name="inner")
    x = inner(inner(tf.nn.relu(features=x, name="f")))
    x = K.Activation(tf.nn.relu6, name="g")(tf.nn.relu6(x * 2.0))
    return keras.Model(inputs, K.Dense(3, name="head")(K.Dense(4, activation="relu", name="h")(K.Flatten()(x))))


def relus(model):
    """Operations of the model's graph that are some ReLU."""
    graph = tf.function(model).get_concrete_function(tf.TensorSpec(model.input_shape)).graph
    operations = list(graph.get_operations())
    for function in graph._functions.values():
        operations += function.graph.get_operations() if hasattr(function, "graph") else []
    return [operation.name for operation in operations if operation.type in ("Relu", "Relu6")]


@pytest.mark.parametrize("initialize", [True, False])
def test_every_form_of_relu_is_replaced(task, initialize):
    model = every_relu()
    assert len(relus(model)) == 10
    prepared = prepare(model, None, GhostNeurons(kind="mish", hand_over="constant"), task, initialize=initialize)
    ghosts = {layer.name: layer.max_value for layer in prepared.layers if isinstance(layer, GhostNeuron)}
    limits = {name: 6.0 for name in ("inner/e/ghost", "g/ghost", "tf.nn.relu6/ghost")}
    assert len(ghosts) == 9 and {name: limit for name, limit in ghosts.items() if limit == 6.0} == limits
    assert not any(isinstance(layer, K.ReLU) for layer in prepared.layers)
    x = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype("float32")
    assert np.abs(prepared(x) - model(x)).max() > 1e-3
    for ghost in prepared.layers:
        ghost.gone = True
    np.testing.assert_allclose(prepared(x), model(x), atol=1e-6)


def test_other_activations_and_leaky_relus_stay(task):
    x = keras.Input((4,))
    y = K.ReLU(negative_slope=0.1)(K.ReLU(threshold=1.0)(K.Dense(4, activation="tanh")(x)))
    model = keras.Model(x, K.LeakyReLU()(y))
    with pytest.raises(ValueError, match="has no ReLU to soften: leave ghost_neurons out"):
        prepare(model, None, "ghost_neurons", task)


@pytest.mark.parametrize("layer", [K.SeparableConv1D, K.DepthwiseConv1D])
def test_relus_fused_into_convolutions_of_sequences(layer, task):
    own = {"filters": 4} if layer is K.SeparableConv1D else {}
    x = keras.Input((8, 3))
    model = keras.Model(x, layer(kernel_size=3, activation="relu", **own)(x))
    prepared = prepare(model, None, "ghost_neurons", task)
    assert sum(isinstance(layer, GhostNeuron) for layer in prepared.layers) == 1
    for ghost in prepared.layers:
        ghost.gone = True
    signal = np.random.default_rng(0).normal(size=(4, 8, 3)).astype("float32")
    np.testing.assert_allclose(prepared(signal), model(signal), atol=1e-6)


def run(x, strength, *, kind="pswish", beta=(1.0, 50.0), limit=float("inf"), dtype="float32"):
    return GhostNeuron(kind, beta, limit, "clock", dtype=dtype)([x, tf.constant(strength)])


@pytest.mark.parametrize("kind", ["pswish", "swish", "mish"])
def test_the_hand_over(kind):
    """Strength 1 is the soft neuron, 0 is ReLU to the bit; between, beta rises geometrically, or the two are mixed."""
    x = tf.constant(np.linspace(-8, 8, 101, dtype="float32"))
    soft = {"pswish": pswish, "swish": swish, "mish": mish}[kind]
    np.testing.assert_allclose(run(x, 1.0, kind=kind, beta=(2.0, 50.0)), soft(x, 2.0), rtol=1e-5)
    np.testing.assert_array_equal(run(x, 0.0, kind=kind), tf.nn.relu(x))
    half = pswish(x, 10.0) if kind == "pswish" else (soft(x, 1) + tf.nn.relu(x)) / 2
    np.testing.assert_allclose(run(x, 0.5, kind=kind, beta=(2.0, 50.0)), half, rtol=1e-5, atol=1e-6)
    assert np.max(run(x, 1.0, kind=kind, limit=6.0)) == 6.0


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("kind", ["pswish", "swish", "mish"])
def test_large_inputs_give_finite_values_and_gradients(kind, policy):
    dtype = keras.mixed_precision.Policy(policy).compute_dtype
    x = tf.cast([-60000.0, -300.0, -1e-3, 0.0, 1e-3, 300.0, 60000.0], dtype)
    for strength in (1.0, 1e-3, 0.0):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = run(x, strength, kind=kind, beta=(1.0, 1000.0), dtype=policy)
        assert y.dtype == x.dtype
        assert np.isfinite(tf.cast(y, tf.float32)).all()
        gradient = tf.cast(tape.gradient(y, x), tf.float32).numpy()
        assert np.isfinite(gradient).all() and gradient[-1] == 1 and 0 <= gradient[0] < 1e-20


def test_ghosts_compute_in_the_precision_of_the_model(task):
    prepared = prepare(
        make_model(), None, "ghost_neurons(share=0.5),ghost_skips(share=0.5)", task, dtype="mixed_bfloat16"
    )
    ghosts = [layer for layer in prepared.layers if "ghost" in layer.name and "/" in layer.name]
    assert len(ghosts) == 6 and {layer.compute_dtype for layer in ghosts} == {"bfloat16"}
    assert {layer.output.dtype for layer in ghosts} == {tf.bfloat16}


def test_options_are_checked():
    for options, message in [
        ({"kind": "swich"}, "Unknown kind of soft neuron 'swich'. Did you mean 'swish'"),
        ({"hand_over": "gradualy"}, "Unknown hand_over 'gradualy'. Did you mean 'gradual'"),
        ({"beta": 2}, "beta must be two positive numbers, first and last; received 2"),
        ({"beta": (0, 1)}, "Each of beta's two must be a number in .0, inf., received 0"),
        ({"share": 0}, "share must be a number in .0, 1.*received 0"),
        ({"share": "half"}, "share must be a number in .0, 1.*received 'half'"),
    ]:
        with pytest.raises(ValueError, match=message):
            GhostNeurons(**options)


@pytest.mark.parametrize("relu", ["fused", "layer", "operation"])
def test_padding_stays_padding_behind_a_ghost(task, relu):
    """Keras' layers hand a mask on, and `tf.nn.relu` does not: without the ghosts the model computes what it did."""
    words = keras.Input((6,), dtype="int32")
    x = K.Embedding(10, 5, mask_zero=True)(words)
    x = K.Dense(7, activation="relu" if relu == "fused" else None)(x)
    x = {"fused": lambda x: x, "layer": K.ReLU(), "operation": tf.nn.relu}[relu](x)
    model = keras.Model(words, K.Dense(3)(K.LSTM(4)(x)))
    prepared = prepare(model, None, GhostNeurons(), task, initialize=False)
    restored = keras.Model.from_config(prepared.get_config())
    restored.set_weights(prepared.get_weights())
    texts = np.arange(12).reshape(2, 6) % 4
    for each in (prepared, restored):
        for ghost in each.layers:
            ghost.gone = True
        np.testing.assert_allclose(each(texts), model(texts), atol=1e-6)
