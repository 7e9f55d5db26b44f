"""Accuracy, of several outputs and of one."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsparse.task.accuracy import accuracy
from tfsparse.task.metrics import metrics

IMAGES = np.array([[-2.0], [-0.5], [0.4], [3.0]], "float32")


def batches(labels):
    return tf.data.Dataset.from_tensor_slices((IMAGES, np.asarray(labels))).batch(3)


def test_several_outputs():
    model = keras.Sequential([keras.layers.Dense(3, use_bias=False, input_shape=(1,))])
    model.set_weights([np.array([[-1.0, 0.0, 1.0]])])  # classes 0, 0, 2, 2
    for labels in ([0, 1, 2, 2], [[0], [1], [2], [2]], np.eye(3)[[0, 1, 2, 2]]):
        assert accuracy(model, batches(labels)) == 0.75


def test_what_is_ignored_does_not_count():
    model = keras.Sequential([keras.layers.Dense(3, use_bias=False, input_shape=(1,))])
    model.set_weights([np.array([[-1.0, 0.0, 1.0]])])
    assert accuracy(model, batches([0, 1, 2, 9]), ignored=9) == 2 / 3
    assert accuracy(model, batches([9] * 4), ignored=9) is None
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=9)
    metric, _ = metrics(loss)
    metric.update_state(tf.constant([[0, 1], [2, 9]]), tf.reshape(model(IMAGES), (2, 2, 3)))
    assert metric.name == "accuracy" and float(metric.result()) == pytest.approx(2 / 3)
    again = keras.metrics.deserialize(keras.metrics.serialize(metric))  # as a saved model has it
    again.update_state(tf.constant([[0, 1], [2, 9]]), tf.reshape(model(IMAGES), (2, 2, 3)), [[1, 0], [1, 1]])
    assert float(again.result()) == 1


def test_layers_for_augmentation_do_nothing():
    """Keras 2 calls them in training unless it is told otherwise: this one pushes every image out of itself."""
    away = keras.layers.RandomTranslation((1.0, 1.0), 0.0, fill_mode="constant")
    model = keras.Sequential([keras.Input((2, 2, 1)), away, keras.layers.GlobalAveragePooling2D()])
    images = np.broadcast_to(IMAGES[:, None, None], (4, 2, 2, 1))
    assert accuracy(model, tf.data.Dataset.from_tensors((images, np.array([0, 0, 1, 1])))) == 1.0


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
@pytest.mark.parametrize("dtype", ["int64", "float32", "bool"])
def test_one_output(shape, dtype):
    """The last two of four logits, and of their probabilities, are above their thresholds."""
    logits, probabilities = (
        keras.Sequential([keras.Input((1,)), keras.layers.Activation(name)]) for name in ("linear", "sigmoid")
    )
    labels = batches(np.array([0, 1, 1, 1], dtype).reshape(shape))
    for predict in (logits, probabilities, lambda x: x, lambda x: tf.reshape(x, (-1,))):
        assert accuracy(predict, labels) == 0.75
    assert accuracy(probabilities.predict_on_batch, labels, threshold=0.5) == 0.75
    assert accuracy(lambda x: x, labels, threshold=0.5) == 0.5


@pytest.mark.parametrize("labels", [[0.5, 1, 1, 0], [0, 1, 1, 2], [-1, 1, 1, -1], np.eye(3)[[0, 1, 2, 2]]], ids=str)
def test_a_number_has_none(labels):
    assert accuracy(lambda x: x, batches(labels)) is None
