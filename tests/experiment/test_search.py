"""`tfsparse.find_mask`: what methods that train are told of how to, and what they tell of how they did."""

import json
import logging

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import make_model, slow
from tfsparse import find_mask
from tfsparse.mask import apply_mask
from tfsparse.task import Data, Task


@pytest.mark.parametrize(
    "method",
    [
        "snip",
        "imp(rounds=1)",
        slow("gradual(frequency=1)"),
        slow("gem_miner(epochs=2, period=1)"),
    ],
)
def test_settings_of_training_are_known_and_used_or_a_note_says_not(model, data, caplog, method):
    task = Task(data, epochs=2)
    with pytest.raises(ValueError, match="Unknown setting of training 'dtypes'. Did you mean 'dtype'"):
        find_mask(model, method, sparsity=0.5, task=task, training={"dtypes": "mixed_bfloat16"})
    plain = {"dtype": None, "strategy": None, "steps_per_execution": 1, "verbose": 0, "callbacks": []}
    with caplog.at_level(logging.WARNING, logger="tfsparse"):
        find_mask(model, method, sparsity=0.5, task=task, training=plain)
        assert "will not be used" not in caplog.text
        find_mask(model, method, sparsity=0.5, task=task, training={**plain, "dtype": "mixed_bfloat16"})
    said = "own precision: while it looks for the mask, dtype will not be used" in caplog.text
    assert said == method.startswith("g")


@pytest.fixture
def two_classes():
    """Of dark and bright images, for a network of one output."""
    labels = np.arange(32) % 2
    images = np.random.default_rng(1).normal(size=(32, 8, 8, 3)).astype("float32") + 2 * labels[:, None, None, None]
    parts = {name: tf.data.Dataset.from_tensor_slices((images, labels[:, None])).batch(8) for name in ("train", "test")}
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    task = Task(Data.from_datasets(num_classes=1, **parts), epochs=4, learning_rate=0.05, loss=loss)
    return task, images, labels


def test_accuracies_of_one_output_are_those_of_two_classes(two_classes):
    task, images, labels = two_classes

    def right(model):
        return np.mean((model(images).numpy().ravel() > 0) == labels)

    def share_of_its_start(mask):
        model = make_model(classes=1)
        mask.rewind(model)
        return right(apply_mask(model, mask))

    mask = find_mask(make_model(classes=1), "gem_miner(epochs=2, period=1)", sparsity=0.5, task=task)
    assert float(mask.metadata["accuracy_before_training"]) == share_of_its_start(mask)
    mask = find_mask(make_model(classes=1), "gradual(frequency=2)", sparsity=0.5, task=task)
    assert json.loads(mask.metadata["accuracies"]) == {"test_accuracy": share_of_its_start(mask)}
    mask = find_mask(make_model(classes=1), "imp", rounds=1, retrain="learning_rate_rewinding", sparsity=0.5, task=task)
    model = make_model(classes=1)
    mask.rewind(model)  # what round 1 trained was dense
    assert json.loads(mask.metadata["rounds"])[0]["test_accuracy"] == right(model)


def test_numbers_have_no_accuracy(two_classes):
    _, images, labels = two_classes
    numbers = (labels[:, None] + 0.5).astype("float32")
    parts = {name: tf.data.Dataset.from_tensor_slices((images, numbers)).batch(8) for name in ("train", "test")}
    loss = keras.losses.MeanSquaredError()
    task = Task(Data.from_datasets(num_classes=1, **parts), epochs=2, learning_rate=0.01, loss=loss)
    mask = find_mask(make_model(classes=1), "gem_miner(epochs=2, period=1)", sparsity=0.5, task=task)
    assert "accuracy_before_training" not in mask.metadata
    mask = find_mask(make_model(classes=1), "gradual(frequency=2)", sparsity=0.5, task=task)
    assert json.loads(mask.metadata["accuracies"]) == {}
    mask = find_mask(make_model(classes=1), "imp(rounds=1)", sparsity=0.5, task=task)
    assert json.loads(mask.metadata["rounds"]) == [{"round": 1, "sparsity": 0.0}]
