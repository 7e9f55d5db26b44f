"""Gradual magnitude pruning: TF-MOT's masks, TF-MOT's schedule, any layer, resuming."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from tensorflow_model_optimization.sparsity import keras as tfmot

from tests.conftest import make_data, make_model
from tfsparse import find_mask, paths
from tfsparse.mask import Mask
from tfsparse.masks import read_method
from tfsparse.masks.gradual_training import GradualTraining
from tfsparse.masks.rounds import Rounds
from tfsparse.masks.state import State
from tfsparse.report import evaluate
from tfsparse.task import Data, Task
from tfsparse.task.sgd import SGD

METHOD = "gradual(frequency=2)"


@pytest.fixture
def task():
    return Task(make_data(), epochs=4, learning_rate=0.05)


def test_the_mask_is_tfmots_up_to_rounding(task, tmp_path):
    model, sparsity = make_model(), 0.7
    mask = find_mask(model, METHOD, sparsity=sparsity, task=task, folder=tmp_path)
    theirs = Mask.load(tmp_path / "trained.safetensors")
    assert set(theirs) == set(mask) and mask.live == round((1 - sparsity) * mask.total)
    for path, array in mask.items():
        assert np.sum(theirs[path]) == round((1 - sparsity) * array.size)
        assert np.sum(theirs[path] != array) <= 1, "more than rounding"
        assert (mask.weights[path][~theirs[path]] == 0).all()


def test_the_training_is_tfmots_own(task):
    """Wrapped, compiled and fitted as TF-MOT's guide does it, the layers that its registry knows give the same weights."""
    layers = keras.layers
    stack = [layers.Conv2D(4, 3, name="conv"), layers.BatchNormalization(), layers.ReLU(), layers.Flatten()]
    model = keras.Sequential([keras.Input((8, 8, 3)), *stack, layers.Dense(3, name="head")])
    mask = find_mask(model, "gradual(frequency=2, initial_sparsity=0.2, begin=0.25)", sparsity=0.8, task=task)
    schedule = tfmot.PolynomialDecay(0.2, 0.8, begin_step=4, end_step=12, frequency=2)
    theirs = tfmot.prune_low_magnitude(model, pruning_schedule=schedule)  # takes the very layers
    theirs.compile(task.make_optimizer(), task.loss_for(model))
    theirs.fit(task.data.epochs(0, 4), epochs=4, steps_per_epoch=4, callbacks=[tfmot.UpdatePruningStep()], verbose=0)
    for path, variable in paths.weights(tfmot.strip_pruning(theirs)).items():
        np.testing.assert_allclose(mask.weights[path], variable, atol=1e-6, err_msg=path)


def test_its_weights_and_accuracies_go_together(task):
    model = make_model()
    mask = find_mask(model, METHOD, sparsity=0.5, task=task)
    mask.rewind(model)
    assert json.loads(mask.metadata["accuracies"]) == pytest.approx(evaluate(model, task), abs=1e-6)


class Killed(BaseException):
    pass


def test_stopped_anywhere_it_goes_on(task, tmp_path):
    """Kills before and after an epoch's state is written, before the end of training is, and after the mask's round is."""
    model, further = make_model(), {"sparsity": 0.7, "task": task}
    whole = find_mask(model, METHOD, **further)
    places = [(State, "save", 1, False), (State, "save", 2, True)]
    places += [(GradualTraining, "_accuracies", 0, True), (Rounds, "keep", 0, True)]
    for owner, name, at, after in places:
        folder, calls, function = tmp_path / f"{name}{at}", [], getattr(owner, name)

        def dying(*args, calls=calls, at=at, after=after, function=function, **kwargs):
            calls.append(None)
            result = function(*args, **kwargs) if after or len(calls) <= at else None
            if len(calls) > at:
                raise Killed
            return result

        with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
            patch.setattr(owner, name, dying)
            find_mask(model, METHOD, folder=folder, **further)
        mask = find_mask(model, METHOD, folder=folder, **further)
        assert mask == whole and mask.metadata == whole.metadata
        for path, array in whole.weights.items():
            np.testing.assert_array_equal(mask.weights[path], array)


def test_layers_that_tfmot_refuses(task):
    """Several inputs, weights that come with the first call, a nested model, one layer called twice."""
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Reshape((8, 24))(inputs)
    x = keras.layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    twice = keras.layers.Dense(24, name="twice")
    nested = keras.Sequential([keras.Input((24,)), keras.layers.Dense(8, name="dense")], name="nested")
    x = nested(keras.layers.GlobalAveragePooling1D()(twice(twice(x))))
    model = keras.Model(inputs, keras.layers.Dense(3, name="head")(x))
    mask = find_mask(model, METHOD, sparsity=0.75, task=task)
    for path, array in mask.items():
        assert array.mean() == pytest.approx(0.25, abs=0.02), path
    assert "nested/dense/kernel" in mask and "attention/query/kernel" in mask


def test_in_half_precision_the_weights_stay_what_they_are(task):
    """TF-MOT's wrapper took the global policy, and its masks did not fit a layer that has its own."""
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    layers = [keras.layers.Conv2D(4, 3, name="conv"), keras.layers.Flatten()]
    model = keras.Sequential([keras.Input((8, 8, 3)), *layers, keras.layers.Dense(3, dtype="float32", name="head")])
    mask = find_mask(model, METHOD, sparsity=0.5, task=task)
    for path in ("conv/kernel", "head/kernel"):
        weights = mask.weights[path]
        assert mask[path].mean() == pytest.approx(0.5, abs=0.01)
        assert np.any(weights != tf.cast(tf.cast(weights, "bfloat16"), "float32")), "rounded in every step"


def test_frozen_features_are_pruned_on_the_way(task, tmp_path):
    """A part that is called with `training=False` stayed dense until the end, and the accuracies were the dense network's."""
    x = keras.Input((8, 8, 3))
    features = keras.Sequential([x, keras.layers.Conv2D(4, 3, name="conv")], name="features")
    features.trainable = False
    y = keras.layers.Dense(3, name="head")(keras.layers.Flatten()(features(x, training=False)))
    find_mask(keras.Model(x, y), METHOD, sparsity=0.75, task=task, folder=tmp_path)
    theirs = Mask.load(tmp_path / "trained.safetensors")
    for path in ("features/conv/kernel", "head/kernel"):
        assert theirs[path].mean() == pytest.approx(0.25, abs=0.01)
        assert not theirs.weights[path][~theirs[path]].any()


def test_a_pipeline_is_gone_through_once(task):
    """Each epoch began at the first one's first batch again."""
    drawn = []

    def batches():
        for number in range(4):
            drawn.append(number)
            yield np.full((4, 8, 8, 3), number, "float32"), np.arange(4) % 3

    shapes = tf.TensorSpec((4, 8, 8, 3)), tf.TensorSpec((4,), tf.int64)
    data = Data.from_datasets(train=tf.data.Dataset.from_generator(batches, output_signature=shapes))
    looked_at = len(drawn)
    find_mask(make_model(), METHOD, sparsity=0.5, task=dataclasses.replace(task, data=data))
    assert 16 <= len(drawn) - looked_at <= 16 + 8, "and what is kept ready"


def test_other_patterns_are_taken_from_the_trained_weights(task):
    mask = find_mask(make_model(), METHOD, sparsity=0.5, task=task, pattern="2:4", exclude="stem")
    assert all((np.moveaxis(array, -2, -1).reshape(-1, 4).sum(axis=1) == 2).all() for array in mask.values())


def test_a_shuffled_mask_has_not_the_weights_of_the_other(task, model):
    """Trained under the mask that was found, nine in ten of those that live now are 0."""
    method = "gradual(epochs=1, frequency=1)"
    mask = find_mask(model, f"{method[:-1]}, sanity='shuffle')", sparsity=0.8, task=task)
    assert mask.weights is None and mask.live == round(0.2 * mask.total)


def test_what_comes_too_late_is_refused(task, model):
    for allocation in ("global", "erk"):
        with pytest.raises(ValueError, match=f"prunes within each layer while it trains: allocation='{allocation}'"):
            find_mask(model, METHOD, sparsity=0.8, task=task, allocation=allocation)
    with pytest.raises(ValueError, match="prunes within each layer"):
        read_method("gradual(allocation='erk')")  # where a run's flags are checked, before data are loaded
    legacy = dataclasses.replace(task, optimizer=lambda task: keras.optimizers.legacy.SGD(0.1))
    with pytest.raises(ValueError, match=r"received .*legacy.* have no place for masked gradients"):
        find_mask(model, METHOD, sparsity=0.8, task=legacy)


def test_refusals(task, model):
    def refused(message, method, **settings):
        with pytest.raises(ValueError, match=message):
            find_mask(model, method, sparsity=0.5, **{"task": task, **settings})

    refused("'gradual' looks at training data: pass task", METHOD, task=None)
    refused("there are 12 of 16 steps, fewer than frequency=100: nothing would be pruned. Lower", "gradual")
    refused(
        "begin must be a number in .0, 0.2., a share of the steps, before end; received 0.5",
        "gradual(begin=0.5, end=0.2)",
    )
    refused(
        "initial_sparsity must be a number in .0, 0.5., .* received 0.6", "gradual(initial_sparsity=0.6, frequency=2)"
    )
    refused("power must be a number in .0, inf., received 0", "gradual(power=0, frequency=2)")


def test_averaged_weights_are_refused(task, model):
    """Keras would put them in the weights' place at the end, and pruned weights are not 0 in them."""
    averaging = dataclasses.replace(task, optimizer=lambda task: SGD(task.learning_rate, use_ema=True))
    with pytest.raises(
        ValueError, match="optimizer has use_ema=True: .* the weights that 'gradual' has pruned on the way are not 0"
    ):
        find_mask(model, METHOD, sparsity=0.5, task=averaging)


def test_a_subclassed_model_is_refused(task):
    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, inputs):
            return self.dense(tf.reshape(inputs, (-1, 192)))

    model = Subclassed()
    model(np.zeros((1, 8, 8, 3)))
    with pytest.raises(ValueError, match="Gradual pruning wraps layers and needs a functional or Sequential model"):
        find_mask(model, METHOD, sparsity=0.5, task=task)
    assert find_mask(model, "gem_miner(epochs=3, period=1)", sparsity=0.5, task=task).live == 288
