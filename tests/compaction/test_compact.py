"""Compaction: the small network computes what the large one does, and trains like it."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.compaction.random_nets import mask, network
from tests.conftest import slow
from tfsparse.compaction import compact
from tfsparse.mask import sparsify

L = keras.layers
FEW, MANY = range(4), range(4, 1000)
IMAGES = np.random.default_rng(0).normal(size=(4, 9, 9, 3)).astype("float32")


@pytest.fixture
def float64():
    """Random networks in training make of a rounding what they like: in float64 there is next to none."""
    keras.backend.set_floatx("float64")
    keras.mixed_precision.set_global_policy("float64")
    yield
    keras.backend.set_floatx("float32")


def assert_same(large, small, images=IMAGES):
    expected = large.predict_on_batch(images)
    np.testing.assert_allclose(
        small.predict_on_batch(images), expected, rtol=1e-4, atol=1e-5 * max(1, abs(expected).max())
    )


def computes_the_same(seed):
    model = network(seed)
    given = mask(model, seed)
    to_run, to_train = compact(model), compact(model, given)
    assert_same(model, to_run.model)
    assert_same(model, to_train.model)
    return to_run


def trains_the_same(seed):
    model = network(seed)
    without_noise = [layer for layer in model._flatten_layers() if isinstance(layer, L.Dropout)]
    for layer in without_noise:  # the small network would draw other numbers
        layer.rate = 0.0
    small = compact(model, mask(model, seed))
    trained = [sparsify(model, mask(model, seed)), sparsify(small.model, small.mask)]
    images, targets = tf.constant(IMAGES, tf.float64), tf.one_hot([0, 1, 2, 0], 3, dtype=tf.float64)
    for net in trained:
        optimizer = keras.optimizers.SGD(0.001, momentum=0.9)
        for _ in range(3):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(net(images, training=True) - targets))
            gradients = tape.gradient(loss, net.trainable_variables)
            pairs = [p for p in zip(gradients, net.trainable_variables, strict=True) if p[0] is not None]
            optimizer.apply_gradients([(tf.clip_by_value(g, -1, 1), v) for g, v in pairs])
    expected = trained[0].predict_on_batch(images)
    if not np.isfinite(expected).all() or abs(expected).max() > 1e4:
        pytest.skip("this random network diverges")
    np.testing.assert_allclose(
        trained[1].predict_on_batch(images), expected, rtol=1e-9, atol=1e-9 * max(1, abs(expected).max())
    )


@pytest.mark.parametrize("seed", FEW)
def test_outputs_are_equal(seed):
    computes_the_same(seed)


def two_layers(**options):
    """Of three hidden units the second is read by nothing."""
    layers = [L.Dense(3, input_shape=(2,), name="a", **options), L.Dense(1, name="b")]
    return keras.Sequential(layers), {"b/kernel": [[1], [0], [1]]}


def test_a_layer_whose_constraint_sees_all_inputs_is_left_alone_in_training():
    model, given = two_layers()
    assert compact(model, given).channels == (4, 3)
    model, given = two_layers(kernel_constraint=keras.constraints.MaxNorm(axis=1))
    assert compact(model, given).channels == (4, 4)


def test_what_an_earlier_compaction_kept_is_kept_again():
    model, given = two_layers()
    stays = compact(model, given).stays
    model.layers[1].set_weights([np.ones((3, 1)), np.zeros(1)])
    assert compact(model, given, stays=stays).channels == (4, 3)
    with pytest.raises(ValueError, match="are of another model"):
        compact(model, given, stays=stays[:-1])


def test_weights_go_back_to_their_places():
    model, given = two_layers()
    compaction = compact(model, given)
    whole = compaction.expand("a/kernel", np.ones((2, 2)), np.zeros((2, 3)))
    assert whole.tolist() == [[1, 0, 1], [1, 0, 1]]


@pytest.mark.slow
def test_outputs_are_equal_a_thousand_times():
    taken_out = [np.subtract(*computes_the_same(seed).channels) for seed in MANY]
    assert np.mean(np.array(taken_out) > 0) > 0.5, "the test is about networks of which something goes"


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("seed", [0, slow(1), slow(2)])
def test_training_is_equal(seed):
    trains_the_same(seed)


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("seed", range(3, 200))
def test_training_is_equal_many_times(seed):
    trains_the_same(seed)
