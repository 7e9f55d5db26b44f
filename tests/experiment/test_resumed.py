"""`train(folder=...)`: stopped trainings go on, and checkpoints that cannot serve are refused."""

import gc
import tempfile

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import Stops, Subclassed, make_data, make_mask, make_model, same_weights, started
from tfsparse.experiment import train
from tfsparse.recipe import LabelSmoothing
from tfsparse.task import Task
from tfsparse.training import Diverged, read_history
from tfsparse.training.checkpoints import Checkpoints

RECIPE = "ghost_neurons(share=0.5),ghost_skips(share=0.5),label_smoothing,rescaled_init(iterations=2)"


def test_a_stopped_training_goes_on_and_ends_with_the_same_weights(tmp_path, data):
    """Stopped in the first epoch, in the second, with a checkpoint behind it, and in the last."""
    task = Task(data, epochs=3, learning_rate=0.05)
    whole, stopped = started(), started()
    mask = make_mask(whole)
    expected = train(whole, task, mask, RECIPE, folder=tmp_path / "whole", verbose=0).history
    for step in (2, 6, 9):
        with pytest.raises(KeyboardInterrupt):
            train(stopped, task, mask, RECIPE, folder=tmp_path / "stopped", verbose=0, callbacks=[Stops(step)])
        assert same_weights(stopped, started()), "a training that did not end leaves the model as it was"
    history = train(stopped, task, mask, RECIPE, folder=tmp_path / "stopped", verbose=0).history
    assert same_weights(stopped, whole)
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


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_checkpoint(tmp_path, mask):
    model, data = started(), make_data()
    before = model.get_weights()

    class Spoils(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.trainable_variables[-1].assign([np.nan] * 3)

    task = Task(data, epochs=3, learning_rate=0.05)
    with pytest.raises(Diverged, match="nan after 5 steps"):
        train(model, task, mask, "none", folder=tmp_path, verbose=0, callbacks=[Spoils()])
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert tf.train.latest_checkpoint(str(tmp_path / "checkpoints")).endswith("epoch-1")
    assert len(train(model, task, mask, "none", folder=tmp_path, verbose=0).history["loss"]) == 3


def test_what_a_worker_writes_aside_goes_with_it(tmp_path, monkeypatch, model, task):
    """Workers beside the chief take part in collecting the values, and leave nothing behind."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    checkpoints = Checkpoints(tmp_path / "run", model, task.make_optimizer(), writes=False)
    checkpoints.save(1)
    assert len(list(tmp_path.glob("tfsparse_worker_*/epoch-1.index"))) == 1
    del checkpoints
    gc.collect()
    assert not list(tmp_path.iterdir())


def test_a_damaged_checkpoint_is_refused(tmp_path, model, mask, data):
    task = Task(data, epochs=1)
    train(model, task, mask, "none", folder=tmp_path, verbose=0)
    for file in (tmp_path / "checkpoints").glob("*.data-*"):
        file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"No checkpoint .* can be restored.*--overwrite"):
        train(model, task, mask, "none", folder=tmp_path, verbose=0)


def test_after_a_damaged_checkpoint_the_one_before_serves(tmp_path, mask, data):
    whole, model, task = started(), started(), Task(data, epochs=3, learning_rate=0.05)
    train(whole, task, mask, "none", folder=tmp_path / "whole", verbose=0)
    with pytest.raises(KeyboardInterrupt):
        train(model, task, mask, "none", folder=tmp_path / "run", verbose=0, callbacks=[Stops(10)])
    (tmp_path / "run" / "checkpoints" / "epoch-2.index").unlink()
    (tmp_path / "run" / "checkpoints" / "checkpoint").write_text("damaged")
    history = train(model, task, mask, "none", folder=tmp_path / "run", verbose=0)
    assert same_weights(model, whole) and len(history.epoch) == 3


def test_weights_spoilt_by_the_last_step_of_an_epoch_are_not_saved(tmp_path, mask):
    class Spoils(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.optimizer.iterations) == 8:
                self.model.trainable_variables[-1].assign([np.nan] * 3)

    with pytest.raises(Diverged, match="not finite at the end of epoch 2"):
        task = Task(make_data(), epochs=3)
        train(started(), task, mask, "none", folder=tmp_path, verbose=0, callbacks=[Spoils()])
    assert not list((tmp_path / "checkpoints").glob("epoch-2*"))


def test_a_resumed_training_writes_down_nothing_anew(tmp_path, task):
    """What is read only: evaluating a finished run on a disk that nobody may write to."""
    train(started(), task, None, "none", folder=tmp_path, verbose=0)
    file = tmp_path / "training.json"
    before = file.stat().st_mtime_ns
    train(started(), task, None, "none", folder=tmp_path, verbose=0)
    assert file.stat().st_mtime_ns == before
    file.write_text("junk")
    with pytest.raises(ValueError, match="training.json is damaged .* Delete it and run the same again"):
        train(started(), task, None, "none", folder=tmp_path, verbose=0)
    file.unlink()
    train(started(), task, None, "none", folder=tmp_path, verbose=0)
    assert file.is_file()


def test_a_checkpoint_of_another_model_is_refused(tmp_path, model, data):
    task = Task(data, epochs=1)
    train(model, task, None, "none", folder=tmp_path, verbose=0)
    with pytest.raises(ValueError, match="damaged or of another model"):
        train(make_model(classes=5), task, None, "none", folder=tmp_path, verbose=0)


@pytest.mark.parametrize("make", [make_model, Subclassed])
def test_another_training_does_not_go_on_in_a_folder(make, tmp_path, data):
    """Neither the mask that is given nor the length or the recipe would be that of what comes back."""
    model, task = make(), Task(data, epochs=1)
    mask = make_mask(model)
    train(model, task, mask, "none", folder=tmp_path, verbose=0)
    before = model.get_weights()
    longer, faster = Task(data, epochs=2), Task(data, epochs=1, learning_rate=0.3)
    for what, others in {
        "mask": (task, make_mask(model, density=0.3), "none"),
        "epochs, optimizer": (longer, mask, "none"),
        "learning_rate, optimizer": (faster, mask, "none"),
        "recipe": (task, mask, [LabelSmoothing(amount=0.0)]),
        "loss, mask, recipe": (Task(data, epochs=1, loss=keras.losses.Poisson()), None, "rescaled_init"),
    }.items():
        with pytest.raises(ValueError, match=f"holds the checkpoints of another training: {what} differs?. Delete"):
            train(model, *others, folder=tmp_path, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert len(train(model, task, mask, "none", folder=tmp_path, verbose=0).history["loss"]) == 1


def test_the_same_training_in_other_words_goes_on(tmp_path, data, monkeypatch):
    """Written otherwise, a function as its loss, and on a machine with another kind of device."""
    model, mask = make_model(), make_mask(make_model())
    task = Task(data, epochs=2, loss=lambda y, x: tf.reduce_mean(tf.square(x), -1))
    with pytest.raises(KeyboardInterrupt):
        train(model, task, mask, "ghost_skips", folder=tmp_path, verbose=0, callbacks=[Stops(6)])
    found = tf.config.list_physical_devices
    gpu = [tf.config.PhysicalDevice("/physical_device:GPU:0", "GPU")]
    monkeypatch.setattr(
        "tensorflow.compat.v2.config.list_physical_devices", lambda kind=None: gpu if kind == "GPU" else found(kind)
    )
    assert keras.optimizers.SGD().jit_compile, "else nothing is proven"
    train(model, task, mask, "ghost_skips(share=0.1)", folder=tmp_path, verbose=0)


def test_what_is_refused_leaves_no_folder(tmp_path, data):
    linear = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match="no ReLU to soften"):
        train(linear, Task(data, epochs=1), None, "ghost_neurons", folder=tmp_path / "run", verbose=0)
    assert not (tmp_path / "run").exists()


def test_what_left_no_checkpoint_binds_nobody(tmp_path, data):
    task, model = Task(data, epochs=1), started()
    mask = make_mask(model)
    with pytest.raises(KeyboardInterrupt):
        train(model, task, mask, "none", folder=tmp_path, verbose=0, callbacks=[Stops(2)])
    train(model, Task(data, epochs=2), mask, "label_smoothing", folder=tmp_path, verbose=0)


def test_averaged_weights_are_there_again(tmp_path, data):
    """Keras puts the averages in place at the end of `fit`, behind the last checkpoint."""
    task = Task(data, epochs=1, optimizer=lambda task: keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.5))
    mask, once, again = make_mask(started()), started(), started()
    train(once, task, mask, "none", folder=tmp_path, verbose=0)
    train(again, task, mask, "none", folder=tmp_path, verbose=0)
    assert same_weights(once, again)
