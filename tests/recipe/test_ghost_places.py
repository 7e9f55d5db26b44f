"""Which convolutions get a ghost, and where it goes in."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import make_data, make_mask
from tests.recipe.ghosts import ghosts_of
from tfsparse.experiment import train
from tfsparse.models import build_model
from tfsparse.recipe import GhostSkips, RescaledInit, prepare
from tfsparse.recipe.ghost_places import chosen
from tfsparse.surgery import Surgery

K = keras.layers


def paths_of(*layers, size=8):
    model = keras.Sequential([keras.Input((size, size, 3)), *layers])
    return [(call.path, place.path) for call, _, place in chosen(Surgery(model))]


@pytest.mark.parametrize(
    "name, count", [("resnet18", 16), ("resnet20", 18), ("resnet56", 27), ("vgg16", 13), ("mobilenet", 14)]
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


def test_a_convolution_that_mixes_no_channels_has_none():
    """What a ghost mixes there, nothing could take over."""
    depthwise = [K.DepthwiseConv2D(3, padding="same"), K.Conv2D(3, 3, padding="same", groups=3)]
    grouped = K.Conv2D(6, 3, padding="same", groups=3, name="grouped")
    last = K.Conv2D(4, 1, name="last")
    assert [path for path, _ in paths_of(*depthwise, K.Conv2D(6, 1, name="first"), grouped, last)] == [
        *("first", "grouped", "last")
    ]


@pytest.mark.parametrize("name, count", [("MobileNetV2", 34), ("EfficientNetB0", 32), ("MobileNetV3Small", 22)])
def test_where_only_depthwise_ones_are_larger_the_1x1_convolutions_have_them(name, count):
    """Not those of gates, nor a classifier: what they give has no norm, but a sigmoid behind it, or inside."""
    model = getattr(keras.applications, name)((32, 32, 3), weights=None, classes=3)
    found = list(chosen(Surgery(model)))
    assert {call.layer.kernel_size for call, _, _ in found} == {(1, 1)} and len(found) == count
    assert not any(word in call.path.lower() for call, _, _ in found for word in ("se_", "squeeze", "logits"))


def test_projections_have_none_where_the_larger_ones_do_not_fit():
    x = keras.Input((9, 9, 3))
    y = K.Conv2D(4, 3, name="stem")(x)
    projection = K.BatchNormalization()(K.Conv2D(4, 1, name="projection")(K.AveragePooling2D(3, 1)(y)))
    assert not list(chosen(Surgery(keras.Model(x, projection + K.Conv2D(4, 3, name="valid")(y)))))


def test_convolutions_that_no_ghost_can_join_are_passed_over():
    gate = K.Conv2D(4, 1, activation="sigmoid", name="gate")
    assert paths_of(K.Conv2D(6, 3, padding="same", name="a"), gate) == [("a", "a")]
    assert paths_of(K.Conv2D(6, 3, padding="same", groups=3, data_format="channels_first", name="b"), size=3) == []


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


@pytest.mark.parametrize("outside", [True, False])
def test_frozen_features_stay_what_they_are(outside, task):
    """Ghosts were trained around kernels that could take nothing over, and softened ReLUs gave the head other features."""
    x = keras.Input((8, 8, 3))
    y = K.BatchNormalization()(K.Conv2D(4, 3, padding="same", use_bias=False, activation="relu", name="a")(x))
    features = keras.Model(x, K.ReLU(name="r")(y), name="features")
    for layer in [features] if outside else features.layers:
        layer.trainable = False
    y = K.Conv2D(4, 3, padding="same", activation="relu", name="b")(features(x, training=False))
    model = keras.Model(x, K.Dense(3)(K.GlobalAveragePooling2D()(y)))
    prepared = prepare(model, None, "ghost_neurons,ghost_skips", task)
    ghosts = [layer.name for layer in prepared.layers if "ghost" in layer.name and layer.name.count("/")]
    assert sorted(ghosts) == ["b/ghost_skip", "b/relu/ghost"]
    features.trainable = True
    again = prepare(model, None, "ghost_neurons,ghost_skips", task)
    assert {"features/a/ghost_skip", "features/r/ghost"} <= {layer.name for layer in again.layers}


def test_a_network_without_a_place_is_refused_before_the_work_of_rescaling(task, monkeypatch):
    monkeypatch.setattr(RescaledInit, "run", lambda *given: pytest.fail("rescaled"))
    model = keras.Sequential([K.Flatten(input_shape=(8, 8, 3)), K.Dense(8, "relu"), K.Dense(3)])
    with pytest.raises(ValueError, match="no convolution that a ghost skip fits around"):
        train(model, task, make_mask(model))


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
