"""Which convolutions get a ghost, and that a block with ghosts is the reference's."""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import make_data, make_model
from tests.fixtures_net import SHARED, load, to_keras
from tfsparse.mask import Mask, prunable
from tfsparse.models import build_model
from tfsparse.recipe import GhostSkips, prepare
from tfsparse.recipe.ghost_skip import GhostSkip
from tfsparse.recipe.ghost_skips import chosen
from tfsparse.surgery import Surgery
from tfsparse.task import Task
from tfsparse.training.fit import Settings
from tfsparse.training.ready import make_ready

K = keras.layers
needs_fixtures = pytest.mark.skipif(not SHARED.is_dir(), reason=f"reference fixtures are not at {SHARED}")


def paths_of(*layers, size=8):
    model = keras.Sequential([keras.Input((size, size, 3)), *layers])
    return [(call.path, place.path) for call, _, place in chosen(Surgery(model))]


@pytest.mark.parametrize(
    "name, count", [("resnet18", 16), ("resnet20", 18), ("resnet56", 27), ("vgg16", 13), ("mobilenet", 27)]
)
def test_which_convolutions_of_our_networks(name, count):
    data = make_data()
    data.input_shape = (32, 32, 3)
    calls = list(chosen(Surgery(build_model(name, data, width=0.05))))
    assert len(calls) == count
    assert all(isinstance(place.layer, K.BatchNormalization) for _, _, place in calls)
    if "resnet" in name:
        assert {call.layer.kernel_size for call, _, _ in calls} == {(3, 3)}
        assert not any("stem" in call.path for call, _, _ in calls)


def test_without_norm_the_ghost_comes_after_the_convolution():
    assert paths_of(K.Conv2D(4, 3, padding="same", activation="relu", name="a"), K.ReLU()) == [("a", "a")]
    assert paths_of(K.Conv2D(4, 3, padding="same", name="a"), K.BatchNormalization(name="n")) == [("a", "n")]


def test_a_norm_with_another_reader_is_not_taken():
    x = keras.Input((8, 8, 3))
    y = K.Conv2D(3, 3, padding="same", name="a")(x)
    model = keras.Model(x, K.Concatenate()([K.BatchNormalization(name="n")(y), y]))
    assert [place.path for _, _, place in chosen(Surgery(model))] == ["a"]


def test_where_sizes_change_a_convolution_is_left_alone(task):
    assert paths_of(K.Conv2D(4, 3, name="valid"), K.Conv2D(4, 1, name="pointwise")) == [("pointwise", "pointwise")]
    with pytest.raises(ValueError, match="no convolution that a ghost skip fits around"):
        prepare(keras.Sequential([keras.Input((8, 8, 3)), K.Conv2D(4, 3), K.ReLU()]), None, "ghost_skips", task)


def test_explicit_padding_is_seen_through(task):
    layers = [K.ZeroPadding2D(1, name="pad"), K.Conv2D(4, 3, 2, name="conv", use_bias=False)]
    assert paths_of(*layers) == [("conv", "conv")]
    model = keras.Sequential([keras.Input((8, 8, 3)), *layers])
    prepared = prepare(model, None, GhostSkips(fill=1.0), task)
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    ghost = x[:, ::2, ::2].sum(-1, keepdims=True) / np.sqrt(1 + 1e-5)  # a fresh norm at inference
    np.testing.assert_allclose(prepared(x), model(x) + ghost, atol=1e-5)


@pytest.mark.parametrize("add", [lambda a, b: a + b, lambda a, b: tf.add(a, b), lambda a, b: K.Add()([a, b])])
def test_residual_networks_are_known_by_any_sum(add):
    """There, neither the stem nor 1x1 convolutions get a ghost."""
    x = keras.Input((8, 8, 3))
    y = K.Conv2D(4, 3, padding="same", name="stem")(x)
    z = K.Conv2D(4, 1, name="one")(K.Conv2D(4, 3, padding="same", name="three")(y))
    assert [call.path for call, _, _ in chosen(Surgery(keras.Model(x, add(y, z))))] == ["three"]
    plain = keras.Model(x, z + 1.0)
    assert [call.path for call, _, _ in chosen(Surgery(plain))] == ["stem", "three", "one"]


def test_a_shared_convolution_shares_its_ghost(task):
    x = keras.Input((8, 8, 3))
    shared = K.Conv2D(3, 3, padding="same", name="shared")
    prepared = prepare(keras.Model(x, shared(K.ReLU()(shared(x)))), None, "ghost_skips", task)
    ghosts = ghosts_of(prepared)
    assert len(ghosts) == 1 and len(ghosts[0].inbound_nodes) == 2


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
            ghosts[call.path] = ghost = GhostSkip(model.output_shape[-1], call.layer.strides, 1e-4, "clock")
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


def test_a_ghost_that_left_has_no_part(task):
    prepared = prepare(make_model(), None, GhostSkips(hand_over="constant", fill=1.0), task)
    ghosts = ghosts_of(prepared)
    x = np.ones((2, 8, 8, 3), "float32")
    assert len(ghosts) == 2 and np.abs(prepared(x) - make_model()(x)).max() > 0
    for ghost in ghosts:
        ghost.leave()
    assert not any("ghost" in variable.name for variable in prepared.trainable_variables)
    u = tf.random.normal((2, 8, 8, 4))
    np.testing.assert_array_equal(ghosts[0]([u, u, tf.constant(1.0)]), u)


@pytest.mark.parametrize("decays", [True, False])
@pytest.mark.parametrize("dtype", [None, "mixed_float16"])
def test_ghosts_decay_or_do_not(decays, dtype, task):
    prepared = prepare(make_model(), None, f"ghost_skips(decays={decays})", task, dtype=dtype)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    task = dataclasses.replace(task, weight_decay=0.25)
    optimizer = make_ready(prepared, task, loss, loss, Settings(dtype=dtype))
    before = {v.ref(): v.numpy() for v in prepared.trainable_variables}
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    inner.apply_gradients([(tf.zeros(v.shape), v) for v in prepared.trainable_variables])
    ghosts = {v.ref() for layer in ghosts_of(prepared) for v in layer.trainable_variables}
    assert ghosts
    for variable in prepared.trainable_variables:
        if before[variable.ref()].any():
            changed = not np.array_equal(variable.numpy(), before[variable.ref()])
            assert changed == (decays or variable.ref() not in ghosts), variable.name


def ghosts_of(prepared):
    return [layer for layer in prepared.layers if isinstance(layer, GhostSkip)]


def kernels(prepared):
    return [ghost.convolution.kernel.numpy() for ghost in ghosts_of(prepared)]


@pytest.mark.parametrize(("fill", "thrown"), [(None, False), (1e-4, True)])
def test_the_first_step_throws_tiny_ghosts_far(data, fill, thrown):
    """Behind a norm, a kernel many times its size is hardly turned any more: what it points to is the first gradient."""
    prepared = prepare(make_model(), None, GhostSkips(share=1.0, fill=fill), Task(data, epochs=1))
    before = kernels(prepared)
    prepared.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    prepared.train_on_batch(*next(iter(data.train)))
    growth = [np.linalg.norm(new) / np.linalg.norm(old) for new, old in zip(kernels(prepared), before, strict=True)]
    assert min(growth) > 10 if thrown else max(growth) < 1.1


def test_ghosts_start_alike_whatever_the_seed_and_differ_from_each_other(task):
    starts = []
    for seed in (0, 1):
        keras.utils.set_random_seed(seed)
        starts.append(kernels(prepare(make_model(), None, "ghost_skips", task)))
    np.testing.assert_array_equal(*starts)
    first, second = starts[0]
    assert first.shape == second.shape and np.any(first != second)


def killing(model, filters):
    """All weights live but those of some filters of `conv1`."""
    arrays = {path: np.ones(variable.shape, bool) for path, variable in prunable(model).items()}
    arrays["conv1/kernel"][..., filters] = False
    return Mask(arrays)


def test_dead_channels_get_no_ghost(task):
    """Nor those whose filters read dead channels only: when the ghost has left, both are constants."""
    model = make_model()
    reads = np.ones((3, 3, 4, 4), bool)
    reads[:, :, [1, 3], 0] = False  # the first filter of conv2 reads what conv1 has lost
    mask = {**killing(model, [0, 2]), "conv2/kernel": reads}
    prepared = prepare(model, mask, GhostSkips(hand_over="constant"), task)
    x = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype("float32")
    loaded = keras.models.model_from_json(prepared.to_json())
    loaded.set_weights(prepared.get_weights())
    for model in (prepared, loaded):
        for layer, norm, dead in (("conv1", "norm1", [0, 2]), ("conv2", "norm2", [0])):
            fed = keras.Model(model.inputs, [model.get_layer(name).output for name in (norm, f"{layer}/ghost_skip")])
            before, after = (tensor.numpy() for tensor in fed(x, training=True))
            changed = np.abs(after - before).max((0, 1, 2)) > 0
            assert np.flatnonzero(~changed).tolist() == dead


def test_a_resumed_training_feeds_the_same_channels(task):
    mask = killing(make_model(), [1])
    first, resumed = (prepare(make_model(), mask, "ghost_skips", task, initialize=fresh) for fresh in (True, False))
    assert (
        [g.live for g in ghosts_of(first)] == [g.live for g in ghosts_of(resumed)] == [(True, False, True, True), None]
    )


def test_a_shared_convolution_is_fed_where_any_of_its_calls_is_reached(task):
    x = keras.Input((8, 8, 3))
    shared = K.Conv2D(3, 3, padding="same", name="shared")
    model = keras.Model(x, shared(K.ReLU()(shared(x))))
    live = np.zeros((3, 3, 3, 3), bool)
    live[1, 1, 0, 1] = live[1, 1, 1, 2] = True  # the second call reaches the last filter only
    (ghost,) = ghosts_of(prepare(model, {"shared/kernel": live}, "ghost_skips", task))
    assert ghost.live == (False, True, True)
