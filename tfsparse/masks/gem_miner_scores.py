"""The network that Gem-Miner searches in, its kernels w * 1[p > 0.5] * F, and the step that trains the scores p."""

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsparse import paths
from tfsparse.task.batch_loss import batch_loss
from tfsparse.task.sgd import SGD

SCORES = {  # Without the reference's constant 0.5: no score would be above it, the network empty and without gradients.
    "uniform": lambda random, shape: random.random(shape),
    "bernoulli": lambda random, shape: random.integers(0, 2, shape),
    "beta": lambda random, shape: random.beta(0.1, 0.1, shape),
    "skewed": lambda random, shape: random.beta(1, 5, shape),
}
OPTIMIZERS = {
    "sgd": lambda rate: SGD(rate, momentum=0.9, jit_compile=False),
    "adam": lambda rate: keras.optimizers.Adam(rate, epsilon=1e-8, jit_compile=False),  # PyTorch's epsilon
}
PENALTIES = {"L2": lambda scores: 2 * scores, "L1": tf.ones_like}  # their slopes


class ScoredNetwork:
    """The model of a search, given new kernels at every step.

    Args:
        search: `Search`.
        start: path -> array, all weights of the model, the w among them.
        scores: path -> array, the first p.
        optimizer: Keras optimizer of the scores.
        slope: p -> gradient of the penalty.
    """

    def __init__(self, search, start, scores, optimizer, slope):
        self.model, self.start, self.optimizer, self.slope = search.model, start, optimizer, slope
        self.names, self.kernels = list(search.weights), list(search.weights.values())
        self.loss = search.task.loss_for(search.model)
        self.weights = [tf.constant(start[path], tf.float32) for path in self.names]
        self.live = [tf.Variable(tf.ones(w.shape), trainable=False) for w in self.weights]
        self.scores = [tf.Variable(scores[path], dtype=tf.float32, constraint=_box) for path in self.names]
        optimizer.build(self.scores)
        self.step = tf.function(self._step, reduce_retracing=True)

    def load(self, forward, live):
        """Gives the model the weights of the search, and the training steps their forward pass and F; the caller restores
        the model afterwards.

        Args:
            forward: the model's outputs, as `frozen` gives it.
            live: path -> boolean array, the F.
        """
        self.forward = forward
        for path, variable in paths.weights(self.model).items():
            variable.assign(self.start[path])
        for variable, path in zip(self.live, self.names, strict=True):
            variable.assign(live[path].astype("float32"))

    def _step(self, x, y):
        """One update of the scores; returns the task's loss."""
        rows = list(zip(self.kernels, self.weights, self.live, self.scores, strict=True))
        for kernel, w, live, p in rows:
            kernel.assign(tf.cast(w * tf.cast(p > 0.5, tf.float32) * live, kernel.dtype))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.kernels)
            loss = batch_loss(self.loss, y, self.forward(x))
        gradients = tape.gradient(loss, self.kernels, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        # The straight-through estimate: d 1[p > 0.5] / dp is taken as 1, so that a weight that is out can come back.
        gradients = [
            tf.cast(g, tf.float32) * w * live + self.slope(p)
            for g, (_, w, live, p) in zip(gradients, rows, strict=True)
        ]
        self.optimizer.apply_gradients(zip(gradients, self.scores, strict=True))
        return loss

    def set_rate(self, rate):
        """Sets the learning rate of the next steps."""
        self.optimizer.learning_rate = rate

    def values(self):
        """The scores: path -> array."""
        return {path: p.numpy() for path, p in zip(self.names, self.scores, strict=True)}

    def count(self):
        """How many weights take part."""
        pairs = zip(self.scores, self.live, strict=True)
        return sum(int(np.count_nonzero((p.numpy() > 0.5) & (live.numpy() > 0))) for p, live in pairs)

    def variables(self):
        """All that a search resumes from: name -> variable."""
        scores = {f"scores::{path}": p for path, p in zip(self.names, self.scores, strict=True)}
        return scores | {f"optimizer::{number}": v for number, v in enumerate(self.optimizer.variables)}


def _box(scores):
    """Keras applies it after every update."""
    return tf.clip_by_value(scores, 0.0, 1.0)
