"""`train`: in place, on several devices, watched; what cannot be trained."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import Subclassed, dead, make_data, make_mask, make_model, same_weights, slow, started, two_devices
from tfsparse.experiment import find_mask, train
from tfsparse.experiment.begin import check
from tfsparse.mask import Mask, prunable
from tfsparse.mask.sparsify import release
from tfsparse.recipe import Recipe, prepare
from tfsparse.recipe.ingredient import Ingredient
from tfsparse.report import evaluate
from tfsparse.task import Data, Task
from tfsparse.task.metrics import metrics
from tfsparse.training import Settings

RECIPE = "ghost_neurons(share=0.5),ghost_skips(share=0.5),label_smoothing,rescaled_init(iterations=2)"


@pytest.mark.parametrize(
    "settings",
    [
        {"steps_per_execution": 4},
        slow({}),
        slow({"jit_compile": True}),
        slow({"dtype": "mixed_bfloat16"}),
        {"dtype": "mixed_float16"},
    ],
    ids=str,
)
def test_trains_in_place_and_leaves_the_plain_model(model, mask, task, settings):
    layers, before = [type(layer) for layer in model.layers], make_model().get_weights()
    history = train(model, task, mask, RECIPE, verbose=0, **settings)
    assert [type(layer) for layer in model.layers] == layers
    assert dead(model, mask) == 0
    assert {v.dtype.base_dtype for v in model.trainable_variables} == {tf.float32}
    assert len(history.history["loss"]) == 2 and history.history["ghost_skips"][-1] == 0
    assert history.history["live_weights"] == [mask.live] * 2
    assert any(not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_only_the_first_part_of_a_training_is_rescaled(mask, task):
    """A later one goes on with trained weights, which rescaling would spoil."""

    def trained(recipe, *steps):
        model = started()
        train(model, task, mask, recipe, steps=steps, verbose=0)
        return model

    half, rescaled = task.steps // 2, "rescaled_init(iterations=2)"
    assert same_weights(trained("none", half, task.steps), trained(rescaled, half, task.steps))
    assert not same_weights(trained("none", 0, half), trained(rescaled, 0, half))


@pytest.mark.slow
def test_trains_on_two_devices(mask, task, strategy):
    model = started()
    train(model, task, mask, RECIPE, verbose=0, strategy=strategy)
    assert dead(model, mask) == 0
    assert all(type(v).__name__ == "ResourceVariable" for v in model.variables), "the plain model is in no scope"


def test_two_devices_follow_one(mask, task):
    """No BatchNorm, whose statistics are each device's own: the same losses for the same global batch."""
    losses = []
    for strategy in (None, two_devices()):
        keras.utils.set_random_seed(0)
        layers = [keras.layers.Flatten(), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3)]
        model = keras.Sequential([keras.Input((8, 8, 3)), *layers])
        history = train(model, task, make_mask(model), "ghost_neurons(share=0.5)", verbose=0, strategy=strategy)
        losses.append(history.history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-4)


@pytest.mark.parametrize("synchronised", [True, slow(False)])
def test_two_devices_follow_one_through_batch_norms(synchronised, mask):
    """Normalised by the whole batch, every number is what one device gets; by each device's half it is not."""
    data = make_data(count=34)  # of 17 validation images the last batch has one: a device without any failed
    task, losses = Task(data, epochs=3, learning_rate=0.05), []
    for settings in ({}, {"strategy": two_devices(), "sync_batch_norm": synchronised}):
        history = train(started(), task, mask, "ghost_skips(share=0.5)", verbose=0, **settings).history
        losses.append(history["loss"] + history["val_loss"])
    assert np.allclose(*losses, rtol=1e-3) == synchronised


def test_batches_that_devices_cannot_share_evenly(mask, caplog):
    """The update was half as large where one of two had no image, and images in small shares counted more."""
    shares = {"strategy": two_devices(), "verbose": 0}
    with pytest.raises(ValueError, match="Batches of 1 images leave some of 2 devices without any"):
        train(started(), Task(make_data(batch_size=1), epochs=1), mask, "none", **shares)
    check(started(), Task(make_data(batch_size=8)), Recipe("none"), Settings(**shares), None)
    assert "unevenly" not in caplog.text
    check(started(), Task(make_data(batch_size=7)), Recipe("none"), Settings(**shares), None)
    assert "2 devices share batches of 7 images unevenly" in caplog.text and "Batches of 6 would do" in caplog.text


def test_tensorboard_gets_the_scalars(tmp_path, model, mask, task):
    train(model, task, mask, RECIPE, folder=tmp_path, verbose=0)
    tags = set()
    for file in tmp_path.rglob("events.*"):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            tags |= {value.tag for value in event.summary.value}
    expected = {"epoch_loss", "epoch_accuracy", "epoch_ghost_skips", "epoch_ghost_neurons", "epoch_live_weights"}
    assert expected | {"epoch_learning_rate"} <= tags


class Counts(Ingredient):
    """Counts how often initial weights are made."""

    calls = 0

    def initialize(self, model, mask, task):
        self.calls += 1


def test_what_cannot_be_trained_is_refused_before_the_work_of_rescaling(model, mask, data):
    counts = Counts()
    loss = Task(data, epochs=1, loss=keras.losses.BinaryCrossentropy())
    with pytest.raises(ValueError, match="[Ll]abel.smoothing"):
        train(model, loss, mask, [counts, "label_smoothing"], verbose=0)
    old = Task(data, epochs=1, optimizer=lambda task: keras.optimizers.legacy.SGD(0.1))
    with pytest.raises(ValueError, match=r"must be one of tf_keras.optimizers, received .*legacy"):
        train(model, old, mask, [counts], verbose=0)
    assert counts.calls == 0


def test_a_loss_or_step_of_the_models_own_would_be_lost(mask, task):
    """The copy that is trained has the graph, and nothing that hangs on the model besides."""

    class Own(keras.Model):
        def train_step(self, data):
            return super().train_step(data)

    plain = make_model()
    with pytest.raises(ValueError, match="Own has its own train_step"):
        train(Own(plain.inputs, plain.outputs), task, mask, "none", verbose=0)
    model = keras.Model(plain.inputs, plain.outputs)
    model.add_loss(tf.reduce_mean(plain.outputs[0]))
    with pytest.raises(ValueError, match="loss of its own .add_loss."):
        train(model, task, mask, "none", verbose=0)


def test_a_subclassed_model_takes_a_mask_but_no_ghosts(task):
    model = Subclassed()
    mask = make_mask(model)
    with pytest.raises(ValueError, match="ghost_skips.*needs a functional or Sequential model.*subclassed Subclassed"):
        train(model, task, mask, "ghost_skips", verbose=0)
    for name, value in {"strategy": two_devices(), "dtype": "float32"}.items():
        with pytest.raises(
            ValueError, match=f"^{name} needs a copy of the model, and .* being subclassed.*leave it out"
        ):
            train(model, task, mask, "none", verbose=0, **{name: value})
    train(model, task, mask, "label_smoothing,rescaled_init(iterations=2)", verbose=0)
    assert dead(model, mask) == 0
    assert all(variable.constraint is None for variable in prunable(model).values())


def test_a_dense_model_is_trained_without_a_mask(model, task):
    history = train(model, task, None, "none", verbose=0)
    assert Mask.from_zeros(model).sparsity == 0 and "live_weights" not in history.history


def test_labels_as_vectors_and_own_datasets(mask):
    x, y = np.random.default_rng(0).normal(size=(16, 8, 8, 3)).astype("float32"), np.arange(16) % 3
    data = Data.from_datasets(train=tf.data.Dataset.from_tensor_slices((x, tf.one_hot(y, 3))).batch(4))
    model = started()
    train(model, Task(data, epochs=1), mask, "label_smoothing", verbose=0)
    assert dead(model, mask) == 0


def test_the_default_protocol_learns(tmp_path):
    """Mean brightness tells the class: a sparse network must find that out."""
    model = started()
    mask = make_mask(model, 0.5)
    history = train(model, Task(make_data(96), epochs=12, learning_rate=0.05), mask, "none", verbose=0)
    assert history.history["accuracy"][-1] > 0.8
    json.dumps(history.history)


class Doubling(keras.Model):
    """Made of a graph, and computes something else than it."""

    def __init__(self):
        inputs = keras.Input((8, 8, 3))
        super().__init__(inputs, keras.layers.Dense(3, name="head")(keras.layers.Flatten()(inputs)))

    def call(self, inputs, training=None):
        return 2 * super().call(inputs, training)


def test_a_graph_with_a_call_of_its_own_is_trained_as_it_computes(task):
    """Its copy computed the graph alone."""
    model, same = Doubling(), Doubling()
    images = np.ones((2, 8, 8, 3), "float32")
    same.set_weights(model.get_weights())
    mask = make_mask(model)
    for path, variable in prunable(same).items():
        variable.assign(variable * mask[path])
    np.testing.assert_allclose(prepare(model, mask, "none", task)(images), same(images), rtol=1e-5)
    release(model)
    train(model, task, mask, "none", verbose=0)
    assert dead(model, mask) == 0
    with pytest.raises(ValueError, match="whose graph cannot be seen"):
        train(model, task, mask, "ghost_neurons", verbose=0)


def test_a_step_is_traced_once(monkeypatch, model, mask, task):
    """Twice, where a metric makes its variables in the first trace: half of what a large network takes to start."""
    traced, own = [], keras.Model.train_step
    monkeypatch.setattr(keras.Model, "train_step", lambda self, data: traced.append(self) or own(self, data))
    train(model, task, mask, "none", verbose=0)
    find_mask(model, "gradual(frequency=2)", sparsity=0.5, task=task)
    assert len(traced) == len(set(map(id, traced))) == 2


def test_labels_that_the_loss_ignores_are_ignored_in_what_is_reported():
    random = np.random.default_rng(0)
    pairs = random.normal(size=(8, 4, 4, 3)).astype("float32"), random.integers(-1, 3, (8, 4, 4))
    part = tf.data.Dataset.from_tensor_slices(pairs).batch(8)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(3, 1)])
    task = Task(Data.from_datasets(train=part, num_classes=3), epochs=1, loss=loss)
    history = train(model, task, None, "none", verbose=0).history
    np.testing.assert_allclose(history["cross_entropy"], history["loss"], rtol=1e-5)
    only = tf.data.Dataset.from_tensor_slices((pairs[0], np.where(pairs[1] == 1, 1, -1))).batch(8)
    model.layers[-1].bias.assign([0, 1e6, 0])  # every pixel is of class 1, and so is every label that counts
    assert evaluate(model, Task(Data.from_datasets(train=only, test=only, num_classes=3), loss=loss)) == {
        "test_accuracy": 1
    }


def test_classes_on_another_axis_are_reported_on_it():
    random = np.random.default_rng(0)
    outputs, labels = random.normal(size=(4, 3, 2)), np.moveaxis(np.eye(3)[random.integers(0, 3, (4, 2))], -1, 1)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, axis=1)
    _, metric = metrics(loss)
    metric.update_state(labels, outputs)
    np.testing.assert_allclose(metric.result(), loss(labels, outputs), rtol=1e-5)


def test_a_binary_classifier_has_an_accuracy():
    """Of its logits: Keras' "accuracy" would compare them with 0.5."""
    layers = [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(1)]
    x, y = np.random.default_rng(0).normal(size=(32, 8, 8, 3)).astype("float32"), np.arange(32) % 2
    x += np.where(y, 0.05, -0.05)[:, None, None, None]
    both = Data.from_arrays(train=(x, y), validation=(x, y), batch_size=8, class_names=("dark", "bright"))
    task = Task(both, epochs=2, learning_rate=0.003, loss=keras.losses.BinaryCrossentropy(from_logits=True))
    model = keras.Sequential(layers)
    history = train(model, task, make_mask(model), "none", verbose=0).history
    right = np.mean((np.ravel(model(x)) > 0) == y)
    assert history["val_accuracy"][-1] == pytest.approx(right) and np.mean((np.ravel(model(x)) > 0.5) == y) != right
    assert history["val_cross_entropy"][-1] == pytest.approx(history["val_loss"][-1], rel=1e-5)


def test_a_setting_that_there_is_not_is_named(model, task):
    with pytest.raises(
        TypeError, match="setting of training 'class_weight'. Known: .*folder, .*strategy.* docs/your_own.md"
    ):
        train(model, task, class_weight={0: 2.0})
    with pytest.raises(TypeError, match="Did you mean 'folder'"):
        train(model, task, folders="run")
