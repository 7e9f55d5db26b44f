"""Checkpoints of a training: the last completed epochs."""

import logging
import pathlib
import re
import shutil
import tempfile
import weakref

import tensorflow as tf
import tf_keras as keras

log = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"  # inside a training's folder
KEEP = 2  # if the newest turns out damaged, the one before serves
_NAME = re.compile(r"epoch-(\d+)\.index$")  # written last: without it a checkpoint was not finished


class Checkpoints:
    """Saves and restores a training; holds the number of completed epochs.

    Args:
        folder: where the checkpoints lie; made when the first is saved.
        model: prepared model.
        optimizer: built for the model's variables.
        writes: False on workers other than the chief, which write to a temporary folder (values are collected from all).
    """

    def __init__(self, folder, model, optimizer, *, writes=True):
        self.folder = pathlib.Path(folder)
        self.epoch = tf.Variable(0, dtype=tf.int64, trainable=False, name="epoch")
        state = tf.train.Checkpoint(model=model, optimizer=optimizer, epoch=self.epoch)
        target = str(self.folder)
        if not writes:
            target = tempfile.mkdtemp(prefix="tfsparse_worker_")
            weakref.finalize(self, shutil.rmtree, target, ignore_errors=True)
        self._manager = tf.train.CheckpointManager(state, target, max_to_keep=KEEP, checkpoint_name="epoch")
        self._state = state

    def restore(self):
        """Loads the last completed epoch, if there is one; returns the number of completed epochs.

        A damaged checkpoint is skipped, with a warning, in favour of the one before it.

        Raises:
            ValueError: there are checkpoints, and all are damaged or belong to another model.
        """
        problem = None
        for prefix in saved_epochs(self.folder):
            try:
                self._state.restore(prefix).assert_existing_objects_matched()
            except (tf.errors.OpError, AssertionError, ValueError, LookupError) as error:
                problem = problem or error
                log.warning("Checkpoint %s cannot be restored (%s).", prefix, str(error).splitlines()[0])
            else:
                return int(tf.convert_to_tensor(self.epoch))  # `int` of a variable with a copy per device fails
        if problem is None:
            return 0
        raise ValueError(
            f"No checkpoint in {self.folder} can be restored: they are damaged or of another model "
            f"({str(problem).splitlines()[0]}). Delete that folder or use --overwrite to train anew."
        ) from problem

    def save(self, completed):
        """Saves the state after `completed` epochs."""
        self.epoch.assign(completed)
        self._manager.save(checkpoint_number=completed)


def saved_epochs(folder):
    """Paths of the checkpoints in `folder`, without suffix, the latest first.

    Found by their files: TensorFlow's own list of them may be what is damaged.
    """
    numbers = {int(match[1]) for path in pathlib.Path(folder).glob("epoch-*") if (match := _NAME.match(path.name))}
    return [str(pathlib.Path(folder) / f"epoch-{number}") for number in sorted(numbers, reverse=True)]


class SaveEpochs(keras.callbacks.Callback):
    """Saves a checkpoint after every epoch; comes after `HistoryFile` among the callbacks, so that the row is written."""

    def __init__(self, checkpoints):
        super().__init__()
        self.checkpoints = checkpoints

    def on_epoch_end(self, epoch, logs=None):
        self.checkpoints.save(epoch + 1)


def has_checkpoint(folder):
    """Whether a training in `folder` would be resumed."""
    return folder is not None and bool(saved_epochs(pathlib.Path(folder) / CHECKPOINTS))
