"""Both conventions of label smoothing, against the reference and against Keras."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.fixtures_net import SHARED, load
from tfsparse.recipe import LabelSmoothing
from tfsparse.recipe.label_smoothing import SmoothedCrossentropy, smooth

SPARSE, VECTORS = keras.losses.SparseCategoricalCrossentropy, keras.losses.CategoricalCrossentropy
needs_fixtures = pytest.mark.skipif(not SHARED.is_dir(), reason=f"reference fixtures are not at {SHARED}")


def logits_and_labels(classes=10):
    random = np.random.default_rng(0)
    return random.normal(size=(32, classes)).astype("float32") * 3, random.integers(0, classes, 32)


@needs_fixtures
@pytest.mark.parametrize("classes", [10, 100])
def test_loss_and_gradient_equal_the_reference(classes):
    arrays, _ = load("recipe_units")
    logits = tf.constant(arrays[f"ls/C{classes}/logits"])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = LabelSmoothing().loss(SPARSE(from_logits=True))(arrays[f"ls/C{classes}/labels"], logits)
    np.testing.assert_allclose(loss, arrays[f"ls/C{classes}/loss_f64"], rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(loss, logits), arrays[f"ls/C{classes}/dlogits"], atol=1e-7)


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("classes", [2, 10, 100])
def test_conventions_translate_into_keras(classes, from_logits):
    outputs, labels = logits_and_labels(classes)
    outputs = outputs if from_logits else tf.nn.softmax(outputs)
    one_hot = tf.one_hot(labels, classes)
    for convention, amount in (("keras", 0.1), ("paper", 0.1 * classes / (classes - 1))):
        ours = LabelSmoothing(convention=convention)
        keras_loss = VECTORS(from_logits=from_logits, label_smoothing=amount)(one_hot, outputs)
        for kind, y in ((SPARSE, labels), (SPARSE, labels[:, None]), (VECTORS, one_hot)):
            loss = ours.loss(kind(from_logits=from_logits))(y, outputs)
            np.testing.assert_allclose(loss, keras_loss, rtol=1e-5)


@pytest.mark.parametrize("classes, least", [(10, 0.5448), (100, 0.7846)])
def test_the_least_loss_is_the_entropy_of_the_target(classes, least):
    target = smooth(tf.one_hot([3], classes), 0.1, "paper")
    loss = LabelSmoothing().loss(SPARSE(from_logits=True))
    assert float(loss([3], tf.math.log(target))) == pytest.approx(least, abs=5e-5)
    assert float(loss([3], tf.math.log(target) + 0.1 * tf.random.normal(target.shape))) > least


def test_targets_sum_to_one_also_of_mixed_labels():
    mixed = np.array([[0.7, 0.3, 0.0], [0.0, 0.0, 1.0]], "float32")
    for convention in ("paper", "keras"):
        np.testing.assert_allclose(
            tf.reduce_sum(smooth(tf.constant(mixed, tf.float32), 0.1, convention), -1), 1, rtol=1e-6
        )
    np.testing.assert_allclose(smooth(tf.one_hot([2], 3), 0.1, "paper"), [[0.05, 0.05, 0.9]], rtol=1e-6)


def test_it_works_in_fit_with_weights_and_in_half_precision():
    logits, labels = logits_and_labels()
    loss = LabelSmoothing().loss(SPARSE(from_logits=True))
    model = keras.Sequential([keras.Input((10,)), keras.layers.Activation("linear")])
    model.compile("sgd", loss)
    weights = np.arange(32) % 2
    whole, half = model.evaluate(logits, labels, verbose=0), model.evaluate(logits[1::2], labels[1::2], verbose=0)
    assert whole == pytest.approx(float(loss(labels, logits)), rel=1e-5)
    weighted = model.evaluate(logits, labels, sample_weight=weights, verbose=0)
    assert weighted == pytest.approx(half / 2, rel=1e-5)  # Keras divides by the number of examples
    rounded = loss(labels, tf.cast(logits, tf.float16))
    assert float(rounded) == pytest.approx(whole, rel=1e-2)


@pytest.mark.parametrize("kind", [SPARSE, VECTORS])
def test_it_can_be_saved(kind):
    loss = LabelSmoothing(amount=0.2, convention="keras").loss(kind(from_logits=True, reduction="sum"))
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert isinstance(again, SmoothedCrossentropy) and again.get_config() == loss.get_config()
    logits, labels = logits_and_labels()
    y = labels if kind is SPARSE else tf.one_hot(labels, 10)
    assert float(again(y, logits)) == float(loss(y, logits)) > 32


def test_what_is_no_class_has_no_loss():
    """It was trained towards every class alike, without a word."""
    loss, logits = LabelSmoothing().loss(SPARSE(from_logits=True, reduction="none")), tf.zeros((3, 4))
    assert np.isnan(loss([3, 4, -1], logits)).tolist() == [False, True, True]


def test_what_cannot_be_smoothed_is_refused():
    with pytest.raises(ValueError, match="needs SparseCategoricalCrossentropy or CategoricalCrossentropy, received"):
        LabelSmoothing().loss(keras.losses.MeanSquaredError())
    with pytest.raises(ValueError, match="received .*Weighted"):  # what it makes of the labels would be lost
        LabelSmoothing().loss(type("Weighted", (SPARSE,), {})())
    for loss in (VECTORS(label_smoothing=0.1), VECTORS(axis=1), SPARSE(ignore_class=0)):
        with pytest.raises(ValueError, match="would lose the option"):
            LabelSmoothing().loss(loss)
    for options, message in [({"amount": 1}, "in .0, 1., received 1"), ({"convention": "torch"}, "received 'torch'")]:
        with pytest.raises(ValueError, match=message):
            LabelSmoothing(**options)
