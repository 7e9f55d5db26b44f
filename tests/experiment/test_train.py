"""`train`: in place, resumable, watched."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import dead, make_data, make_mask, make_model, two_devices
from tfsparse.experiment import train
from tfsparse.mask import Mask, prunable
from tfsparse.recipe.ingredient import Ingredient
from tfsparse.task import Data, Task
from tfsparse.training import Diverged, read_history

RECIPE = "ghost_neurons(share=0.5),ghost_skips(share=0.5),label_smoothing,rescaled_init(iterations=2)"


def same(model, other):
    return all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))


def started():
    """The same model at every call."""
    keras.utils.set_random_seed(0)
    return make_model()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"steps_per_execution": 4},
        {"jit_compile": True},
        {"dtype": "mixed_bfloat16"},
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


def test_two_devices_follow_one_through_batch_norms(mask):
    """Normalised by the whole batch, every number is what one device gets; by each device's half it is not."""
    task, losses = Task(make_data(), epochs=3, learning_rate=0.05), {}
    for name, strategy, synchronised in (
        ("one", None, False),
        ("two", two_devices(), True),
        ("own", two_devices(), False),
    ):
        settings = {"strategy": strategy, "sync_batch_norm": synchronised}
        history = train(
            started(), task, mask, "ghost_neurons(share=0.5),ghost_skips(share=0.5)", verbose=0, **settings
        ).history
        losses[name] = history["loss"] + history["val_loss"]
    np.testing.assert_allclose(losses["two"], losses["one"], rtol=1e-3)
    assert not np.allclose(losses["own"], losses["one"], rtol=1e-3)


class Stops(keras.callbacks.Callback):
    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) == self.step:
            raise KeyboardInterrupt


def test_a_stopped_training_goes_on_and_ends_with_the_same_weights(tmp_path, data):
    """Stopped in the first epoch, in the second, with a checkpoint behind it, and in the last."""
    task = Task(data, epochs=3, learning_rate=0.05)
    whole, stopped = started(), started()
    mask = make_mask(whole)
    expected = train(whole, task, mask, RECIPE, folder=tmp_path / "whole", verbose=0).history
    for step in (2, 6, 9):
        with pytest.raises(KeyboardInterrupt):
            train(stopped, task, mask, RECIPE, folder=tmp_path / "stopped", verbose=0, callbacks=[Stops(step)])
        assert same(stopped, started()), "a training that did not end leaves the model as it was"
    history = train(stopped, task, mask, RECIPE, folder=tmp_path / "stopped", verbose=0).history
    assert same(stopped, whole)
    assert {k: v for k, v in history.items() if k != "seconds"} == {k: v for k, v in expected.items() if k != "seconds"}
    rows = read_history(tmp_path / "stopped" / "history.csv")
    assert [row["epoch"] for row in rows] == [1, 2, 3]


class LogsSometimes(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch % 2:
            logs["mine"] = float(epoch)


def test_what_is_logged_in_some_epochs_only_is_kept(tmp_path, data):
    """By a callback of the user's: in the second and fourth of four epochs, with a stop in the third and in the fourth."""
    task, model = Task(data, epochs=4, learning_rate=0.05), started()
    mask = make_mask(model)
    given = {"folder": tmp_path, "verbose": 0}
    for step in (10, 14):
        with pytest.raises(KeyboardInterrupt):
            train(model, task, mask, "none", callbacks=[LogsSometimes(), Stops(step)], **given)
    history = train(model, task, mask, "none", callbacks=[LogsSometimes()], **given).history
    assert history["mine"] == [1.0, 3.0] and len(history["loss"]) == 4
    assert [row.get("mine") for row in read_history(tmp_path / "history.csv")] == [None, 1.0, None, 3.0]


def test_tensorboard_gets_the_scalars(tmp_path, model, mask, task):
    train(model, task, mask, RECIPE, folder=tmp_path, verbose=0)
    tags = set()
    for file in tmp_path.rglob("events.*"):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            tags |= {value.tag for value in event.summary.value}
    expected = {"epoch_loss", "epoch_accuracy", "epoch_ghost_skips", "epoch_ghost_neurons", "epoch_live_weights"}
    assert expected | {"epoch_learning_rate"} <= tags


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_checkpoint(tmp_path, mask):
    model, data = started(), make_data()
    before = model.get_weights()

    class Spoils(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.trainable_variables[-1].assign([np.nan] * 3)

    task = Task(data, epochs=3, learning_rate=0.05)
    with pytest.raises(Diverged, match="nan at step 5"):
        train(model, task, mask, "none", folder=tmp_path, verbose=0, callbacks=[Spoils()])
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert tf.train.latest_checkpoint(str(tmp_path / "checkpoints")).endswith("epoch-1")
    assert len(train(model, task, mask, "none", folder=tmp_path, verbose=0).history["loss"]) == 3


def test_a_damaged_checkpoint_is_refused(tmp_path, model, mask, data):
    train(model, Task(data, epochs=1), mask, "none", folder=tmp_path, verbose=0)
    for file in (tmp_path / "checkpoints").glob("*.data-*"):
        file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"No checkpoint .* can be restored.*--overwrite"):
        train(model, Task(data, epochs=2), mask, "none", folder=tmp_path, verbose=0)


def test_after_a_damaged_checkpoint_the_one_before_serves(tmp_path, mask, data):
    whole, model, task = started(), started(), Task(data, epochs=3, learning_rate=0.05)
    train(whole, task, mask, "none", folder=tmp_path / "whole", verbose=0)
    with pytest.raises(KeyboardInterrupt):
        train(model, task, mask, "none", folder=tmp_path / "run", verbose=0, callbacks=[Stops(10)])
    (tmp_path / "run" / "checkpoints" / "epoch-2.index").unlink()
    (tmp_path / "run" / "checkpoints" / "checkpoint").write_text("damaged")
    history = train(model, task, mask, "none", folder=tmp_path / "run", verbose=0)
    assert same(model, whole) and len(history.epoch) == 3


def test_weights_spoilt_by_the_last_step_of_an_epoch_are_not_saved(tmp_path, mask):
    class Spoils(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.optimizer.iterations) == 8:
                self.model.trainable_variables[-1].assign([np.nan] * 3)

    with pytest.raises(Diverged, match="not finite at the end of epoch 2"):
        task = Task(make_data(), epochs=3)
        train(started(), task, mask, "none", folder=tmp_path, verbose=0, callbacks=[Spoils()])
    assert not list((tmp_path / "checkpoints").glob("epoch-2*"))


def test_a_checkpoint_of_another_model_is_refused(tmp_path, model, mask, data):
    train(model, Task(data, epochs=1), mask, "none", folder=tmp_path, verbose=0)
    other = make_model(classes=5)
    with pytest.raises(ValueError, match="damaged or of another model"):
        train(other, Task(data, epochs=2), make_mask(other), "none", folder=tmp_path, verbose=0)


def test_a_checkpoint_under_another_mask_is_refused(tmp_path, model, data):
    """Masks are part of the checkpoint: restored, the old one would silently take the place of the one that is given."""
    mask, other = make_mask(model), make_mask(model, density=0.3)
    train(model, Task(data, epochs=1), mask, "none", folder=tmp_path, verbose=0)
    before = model.get_weights()
    with pytest.raises(ValueError, match="has another mask .*Give another folder"):
        train(model, Task(data, epochs=1), other, "none", folder=tmp_path, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_averaged_weights_are_there_again(tmp_path, data):
    """Keras puts the averages in place at the end of `fit`, behind the last checkpoint."""
    task = Task(data, epochs=1, optimizer=lambda task: keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.5))
    mask, once, again = make_mask(started()), started(), started()
    train(once, task, mask, "none", folder=tmp_path, verbose=0)
    train(again, task, mask, "none", folder=tmp_path, verbose=0)
    assert same(once, again)


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
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.flatten, self.head = keras.layers.Flatten(), keras.layers.Dense(3)

        def call(self, x):
            return self.head(self.flatten(x))

    model = Own()
    model(np.zeros((1, 8, 8, 3), "float32"))
    mask = make_mask(model)
    with pytest.raises(ValueError, match="ghost_skips.*needs a functional or Sequential model.*subclassed Own"):
        train(model, task, mask, "ghost_skips", verbose=0)
    train(model, task, mask, "label_smoothing,rescaled_init(iterations=2)", verbose=0)
    assert dead(model, mask) == 0
    assert all(variable.constraint is None for variable in prunable(model).values())


def test_a_dense_model_is_trained_without_a_mask(model, task):
    history = train(model, task, None, "none", verbose=0)
    assert Mask.from_zeros(model).sparsity == 0 and history.history["live_weights"] == [0.0, 0.0]


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
