"""Gradients of a network under a mask, as mask methods use them."""

import contextlib

import numpy as np
import tensorflow as tf

from tfsparse.frozen import frozen
from tfsparse.task.batch_loss import batch_loss


@contextlib.contextmanager
def masked(search, live, bn_mode):
    """Yields `forward` of the network with its dead weights at 0; restores the model afterwards."""
    with frozen(search.model, bn_mode) as forward:
        for path, variable in search.weights.items():
            if not live[path].all():
                variable.assign(variable * tf.cast(live[path], variable.dtype))
        yield forward


def gradient(loss, forward, variables, x, y):
    """Gradients of the batch's mean loss with respect to `variables`; 0 for those that the loss does not reach."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(variables)
        value = batch_loss(loss, y, forward(x))
    return tape.gradient(value, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)


class Mean:
    """The mean over all examples of what a step returns for each batch; right even if the last batch is short.

    Traced once, however often it is called.

    Args:
        step: (x, y) -> one tensor for each of `variables`, the mean over the batch.
        variables: list of variables, for shapes and dtypes.
    """

    def __init__(self, step, variables):
        self.sums = [tf.Variable(tf.zeros(v.shape, v.dtype), trainable=False) for v in variables]
        self._add = tf.function(self._add_batch, reduce_retracing=True)
        self._step = step

    def __call__(self, data):
        for total in self.sums:
            total.assign(tf.zeros_like(total))
        examples = 0
        for x, y in data:
            number = int(tf.nest.flatten(x)[0].shape[0])
            self._add(x, y, tf.constant(number, self.sums[0].dtype))
            examples += number
        return [total / examples for total in self.sums]

    def _add_batch(self, x, y, number):
        for total, part in zip(self.sums, self._step(x, y), strict=True):
            total.assign_add(number * part)


def normalised(scores):
    """Scores divided by the sum of their absolute values: the ranking stays, the scale is the same for every network."""
    total = sum(float(np.abs(array).sum(dtype=np.float64)) for array in scores.values())
    return {path: array / (total or 1.0) for path, array in scores.items()}
