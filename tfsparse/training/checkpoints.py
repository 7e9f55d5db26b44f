"""Checkpoints of a training: the last completed epochs, and the best."""

import pathlib
import tempfile

import tensorflow as tf
import tf_keras as keras

KEEP = 2  # if the newest turns out damaged, the one before is there


class Checkpoints:
    """Saves and restores a training; holds the number of completed epochs.

    Args:
        folder: where the checkpoints lie; made when the first is saved.
        model: prepared model.
        optimizer: built for the model's variables.
        writes: False on workers other than the chief, which write aside (the values are collected from all).
    """

    def __init__(self, folder, model, optimizer, *, writes=True):
        self.folder = pathlib.Path(folder)
        self.epoch = tf.Variable(0, dtype=tf.int64, trainable=False, name="epoch")
        state = tf.train.Checkpoint(model=model, optimizer=optimizer, epoch=self.epoch)
        target = str(self.folder) if writes else tempfile.mkdtemp(prefix="tfsparse_worker_")
        self._manager = tf.train.CheckpointManager(state, target, max_to_keep=KEEP, checkpoint_name="epoch")
        self._latest = tf.train.latest_checkpoint(str(self.folder))
        self._state = state

    def restore(self):
        """Loads the last completed epoch, if there is one; returns the number of completed epochs.

        Raises:
            ValueError: the checkpoint is damaged, or belongs to another model.
        """
        if self._latest is None:
            return 0
        try:
            self._state.restore(self._latest).assert_existing_objects_matched()
        except (tf.errors.OpError, AssertionError, ValueError, LookupError) as error:
            raise ValueError(
                f"Checkpoint {self._latest} cannot be restored: it is damaged or of another model "
                f"({str(error).splitlines()[0]}). Delete {self.folder} or use --overwrite to train anew."
            ) from error
        return int(self.epoch)

    def save(self, completed):
        """Saves the state after `completed` epochs."""
        self.epoch.assign(completed)
        self._manager.save(checkpoint_number=completed)


class SaveEpochs(keras.callbacks.Callback):
    """Saves a checkpoint after every epoch, when `history` has recorded it."""

    def __init__(self, checkpoints):
        super().__init__()
        self.checkpoints = checkpoints

    def on_epoch_end(self, epoch, logs=None):
        self.checkpoints.save(epoch + 1)
