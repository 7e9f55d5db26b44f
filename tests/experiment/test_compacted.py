"""Training on without dead channels: the same numbers, resumable, and the model that went in comes out."""

import logging
import shutil

import numpy as np
import pytest
import tf_keras as keras

from tests.conftest import Stops, dead, make_data, make_mask, same_weights, slow, started, two_devices
from tfsparse.experiment import train
from tfsparse.mask import Mask, prunable
from tfsparse.task import Task

GHOSTS = "ghost_neurons(share=0.5),ghost_skips(share=0.5),label_smoothing"
SKIPS = "ghost_skips(share=0.5)"
FILE = "compaction.safetensors"


@pytest.fixture
def task():
    return Task(make_data(), epochs=4, learning_rate=0.05)


def killing_mask(model):
    """Half of conv1's filters are dead, as is what read them; hidden has units that nothing reads."""
    arrays = {path: array.copy() for path, array in make_mask(model, density=0.7).items()}
    arrays["conv1/kernel"][..., :2] = arrays["conv2/kernel"][:, :, :2] = False
    arrays["head/kernel"][5:] = False
    return Mask(arrays)


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [
        (GHOSTS, {"steps_per_execution": 2}),
        slow(GHOSTS, {"steps_per_execution": 2, "jit_compile": True}),
        slow("none", {}),
    ],
)
def test_the_numbers_are_those_of_the_whole_network(tmp_path, task, caplog, recipe, settings):
    runs = {compact: started() for compact in (False, True)}
    mask = killing_mask(runs[True])
    caplog.set_level(logging.INFO)
    histories = [
        train(model, task, mask, recipe, compact=compact, folder=tmp_path / str(compact), verbose=0, **settings).history
        for compact, model in runs.items()
    ]
    assert f"From epoch {1 if recipe == 'none' else 3} on: 5 of 23 channels taken out" in caplog.text
    for name in ("loss", "val_loss", "val_accuracy", "live_weights", *(["ghost_skips"] if recipe != "none" else [])):
        np.testing.assert_allclose(histories[1][name], histories[0][name], rtol=1e-4, err_msg=name)
    images = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype("float32")
    np.testing.assert_allclose(*[model.predict_on_batch(images) for model in runs.values()], rtol=1e-3, atol=1e-4)
    assert dead(runs[True], mask) == 0


def test_a_stopped_one_goes_on(tmp_path, task):
    """Stopped before its channels were taken out, and again after it."""
    whole, stopped = started(), started()
    mask, options = killing_mask(whole), {"compact": True, "verbose": 0}
    expected = train(whole, task, mask, SKIPS, folder=tmp_path / "whole", **options).history
    for step in (6, 14):
        with pytest.raises(KeyboardInterrupt):
            train(stopped, task, mask, SKIPS, folder=tmp_path / "stopped", callbacks=[Stops(step)], **options)
        assert (tmp_path / "stopped" / FILE).exists() == (step == 14)
    history = train(stopped, task, mask, SKIPS, folder=tmp_path / "stopped", **options).history
    assert same_weights(stopped, whole)
    assert {k: v for k, v in history.items() if k != "seconds"} == {k: v for k, v in expected.items() if k != "seconds"}


@pytest.mark.slow
def test_on_two_devices_in_half_a_precision(task):
    model = started()
    mask = killing_mask(model)
    options = {"strategy": two_devices(), "dtype": "mixed_bfloat16", "live_gradients": True}
    history = train(model, task, mask, SKIPS, compact=True, verbose=0, **options).history
    assert dead(model, mask) == 0 and history["loss"][-1] < history["loss"][0]


@pytest.mark.slow
def test_other_optimizers_go_on_with_what_they_know(data):
    task = Task(data, epochs=2, optimizer=lambda task: keras.optimizers.Adam(0.01))
    losses = []
    for compact in (False, True):
        model = started()
        history = train(model, task, killing_mask(model), SKIPS, compact=compact, verbose=0)
        losses.append(history.history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-4)


class Slower(keras.callbacks.Callback):
    """Halves the learning rate after every epoch."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.optimizer.learning_rate.assign(self.model.optimizer.learning_rate / 2)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [keras.optimizers.SGD, keras.optimizers.Nadam])
def test_a_rate_that_callbacks_set_stays_set(optimizer, data, tmp_path):
    """Through the change of networks, and through a stop after it; Nadam keeps a product besides."""
    task = Task(data, epochs=5, optimizer=lambda task: optimizer(0.02))
    histories, recipe = [], "ghost_neurons(share=0.4)"
    for options in ({"compact": False}, {"compact": True}, {"compact": True, "folder": tmp_path}):
        model = started()
        mask = killing_mask(model)
        if "folder" in options:
            with pytest.raises(KeyboardInterrupt):
                train(model, task, mask, recipe, callbacks=[Slower(), Stops(14)], verbose=0, **options)
        histories.append(train(model, task, mask, recipe, callbacks=[Slower()], verbose=0, **options).history)
    for history in histories[1:]:
        for name in ("learning_rate", "loss"):
            np.testing.assert_allclose(history[name], histories[0][name], rtol=1e-4, err_msg=name)


@pytest.mark.slow
def test_what_another_mask_left_in_the_folder_is_forgotten(tmp_path, task):
    first, second, alone = started(), started(), started()
    train(first, task, killing_mask(first), "none", compact=True, folder=tmp_path, verbose=0)
    shutil.rmtree(tmp_path / "checkpoints")
    arrays = {path: array.copy() for path, array in make_mask(second).items()}
    arrays["conv1/kernel"][..., 2:] = arrays["conv2/kernel"][:, :, 2:] = False
    for model, options in ((second, {"folder": tmp_path}), (alone, {})):
        train(model, task, Mask(arrays), "none", compact=True, verbose=0, **options)
    assert same_weights(second, alone)


def test_a_constant_ghost_never_leaves_and_nothing_is_taken_out(tmp_path, task):
    model = started()
    recipe = "ghost_neurons(hand_over='constant')"
    train(model, task, killing_mask(model), recipe, compact=True, folder=tmp_path, verbose=0)
    assert not (tmp_path / FILE).exists()


def test_an_optimizer_that_keeps_no_number_a_weight_is_refused_before_training(model):
    task = Task(make_data(), epochs=2, optimizer=lambda task: keras.optimizers.Adafactor(0.01))
    before = model.get_weights()
    with pytest.raises(ValueError, match="Adafactor keeps means of rows and columns. Leave compact, or Adafactor, out"):
        train(model, task, killing_mask(model), "none", compact=True, verbose=0)
    assert all(np.array_equal(*pair) for pair in zip(model.get_weights(), before, strict=True))


def test_what_cannot_be_compacted_is_refused_before_training(model, mask, task):
    with pytest.raises(ValueError, match="float16"):
        train(model, task, mask, compact=True, dtype="mixed_float16")


def test_a_damaged_file_is_named(tmp_path, task):
    model = started()
    with pytest.raises(KeyboardInterrupt):
        train(model, task, killing_mask(model), "none", compact=True, folder=tmp_path, verbose=0, callbacks=[Stops(6)])
    (tmp_path / FILE).write_bytes(b"no tensors")
    with pytest.raises(ValueError, match=f"{FILE} is damaged"):
        train(model, task, killing_mask(model), "none", compact=True, folder=tmp_path, verbose=0)


class EndsIn(keras.callbacks.Callback):
    """Stops after an epoch, and puts other weights in their place, as early stopping does."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 == self.epoch:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        if self.model.stop_training:  # not at the end of what comes before the channels are taken out
            self.model.set_weights([np.zeros_like(w) for w in self.model.get_weights()])


@pytest.mark.parametrize("epoch", [slow(1), 3])
def test_a_callback_that_ends_the_training_has_the_last_word(task, epoch):
    """Before the channels are taken out, in epoch 3, and after it."""
    model = started()
    history = train(model, task, killing_mask(model), GHOSTS, compact=True, verbose=0, callbacks=[EndsIn(epoch)])
    assert history.epoch == list(range(epoch))
    assert not np.any(prunable(model)["conv2/kernel"])
