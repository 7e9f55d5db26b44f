"""What is told of optimizers, losses and augmentations: the same in every process, another for another."""

import functools
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import make_data
from tfsparse.data import augmentation
from tfsparse.task import Task
from tfsparse.task.told import told


class Rate(keras.optimizers.schedules.LearningRateSchedule):
    """A user's, without a config."""

    def __call__(self, step):
        return 0.1


def recursive():
    def one():
        return one

    return one


def test_optimizers_and_losses():
    task = Task(make_data())
    assert told(task.make_optimizer()) == told(task.make_optimizer())
    makes = [keras.optimizers.Adam, keras.optimizers.SGD, lambda: keras.optimizers.Adam(epsilon=1e-4)]
    makes += [lambda: keras.optimizers.Adam(Rate()), lambda: keras.optimizers.Adam(np.float32(0.1))]
    assert len({told(make()) for make in makes}) == 4 + 1
    smooth = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    assert told(smooth) != told(keras.losses.CategoricalCrossentropy())


@pytest.mark.parametrize("texts", [("crop_flip", "crop_flip,mixup"), ("crop(padding=2)", "crop(padding=4)")])
def test_augmentations(texts):
    texts = [*texts, "none"]
    facts = [make_data(augment=augmentation(text, 3)).facts for text in texts]
    assert len({row["augmentation"] for row in facts}) == 3
    assert facts[0] == make_data(augment=augmentation(texts[0], 3)).facts
    assert make_data(seed=1).facts["seed"] == "1"


def test_what_is_told_of_is_the_graph_still():
    calls = []

    def augment(images, labels, seed):
        calls.append(0)
        return images, labels

    data = make_data(augment=augment)
    for _ in range(2):
        list(data.epochs(0, 2))
    assert len(calls) == 1 and "augment" in data.facts["augmentation"]


@pytest.mark.parametrize("value", [recursive(), functools.partial(print, 1), object(), tf.constant([1.0, 2.0]), Rate])
def test_nothing_is_told_by_its_address(value):
    assert "0x" not in told(value)
    assert told({"a": [value, np.ones(3)]}) == told({"a": [value, np.ones(3)]})


def test_another_process_tells_the_same():
    code = (
        "from tfsparse.data import augmentation; augmentation('randaugment', 10); "
        "import tf_keras as keras; from tfsparse.task.told import told; "
        "print(told([augmentation('crop_flip,randaugment,cutmix', 10), keras.optimizers.Adam(), keras.losses.Poisson()]))"
    )
    command = [sys.executable, "-c", code]
    here = told([augmentation("crop_flip,randaugment,cutmix", 10), keras.optimizers.Adam(), keras.losses.Poisson()])
    there = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.splitlines()[-1]
    assert there == here
