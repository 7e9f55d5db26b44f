"""Callbacks that watch a training: it stops on a loss that is no number, and its logs tell more."""

import numpy as np
import tensorflow as tf
import tf_keras as keras


class Diverged(FloatingPointError):
    """The loss, or a weight at the end of an epoch, is NaN or infinite."""


class StopOnNaN(keras.callbacks.Callback):
    """Raises `Diverged` at the batch at which the loss stops being a number; checkpoints before it stay."""

    def on_train_batch_end(self, batch, logs=None):
        if logs and not np.isfinite(logs["loss"]):
            step = int(tf.convert_to_tensor(self.model.optimizer.iterations))
            raise Diverged(
                f"The loss is {logs['loss']} after {step} steps. The last completed epoch's checkpoint is kept. "
                "A lower learning rate, data without extreme values, or labels that are all classes of the model may help."
            )

    def on_epoch_end(self, epoch, logs=None):
        # The last update of an epoch shows in no loss of it, and its weights are about to be saved.
        spoilt = [
            v.name
            for v in self.model.weights
            if v.dtype.is_floating and not np.all(np.isfinite(tf.convert_to_tensor(v)))
        ]
        if spoilt:
            raise Diverged(
                f"The weights {spoilt[0]!r} are not finite at the end of epoch {epoch + 1}. The checkpoint of the epoch "
                "before is kept. A lower learning rate may help."
            )


class EpochLogs(keras.callbacks.Callback):
    """Adds the learning rate and, of a masked network, the number of live weights to the logs of an epoch.

    Args:
        weights: masked variables; what is not exactly 0 in them is counted.
    """

    def __init__(self, weights):
        super().__init__()
        self.weights = weights

    def on_epoch_end(self, epoch, logs=None):
        logs["learning_rate"] = float(tf.convert_to_tensor(self.model.optimizer.learning_rate))
        if self.weights:
            logs["live_weights"] = float(sum(int(tf.math.count_nonzero(weight)) for weight in self.weights))
