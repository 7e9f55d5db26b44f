"""Training steps of compiled models, and data that need no file."""

import numpy as np
import tensorflow as tf
from measured import seconds

import tfsparse as ts


class Steps:
    """Training steps of one compiled model on one batch."""

    def __init__(self, model, batch, before=lambda: None):
        # Not `train_on_batch`, which makes an iterator for every step: closing one waits for TensorFlow's data autotuning.
        options = tf.data.Options()
        options.autotune.enabled = False
        self.batches = iter(tf.data.Dataset.from_tensors(batch).repeat().with_options(options))
        self.train, self.before = model.make_train_function(), before

    def step(self):
        """Seconds that a training step took."""
        return seconds(self._step)

    def _step(self):
        self.before()
        self.train(self.batches)["loss"].numpy()


def dense_steps(model, task, batch):
    """`Steps` of a model as it is."""
    model.compile(task.make_optimizer(), task.loss_for(model))
    return Steps(model, batch)


def masked_steps(model, mask, recipe, task, batch, *, dtype=None, gone=False):
    """`Steps` of a model under a mask, as in training; with `gone`, those after the ghosts have left."""
    recipe = ts.Recipe(recipe)
    prepared = ts.prepare(model, mask, recipe, task, initialize=False, dtype=dtype)
    if gone:
        for layer in prepared.layers:
            if hasattr(layer, "hand_over"):
                layer.step.assign(layer.steps)
    prepared.compile(task.make_optimizer(), recipe.loss(task.loss_for(model)))
    for callback in ts.callbacks(prepared):
        callback.set_model(prepared)
        callback.on_train_begin()
    return Steps(prepared, batch)


def noise(batch_size, batches=1):
    """`Data` of random 32x32 images in ten classes: no file is needed."""
    images = np.random.default_rng(0).integers(0, 256, (batches * batch_size, 32, 32, 3)).astype("uint8")
    labels = np.arange(len(images)) % 10
    options = {"num_classes": 10, "mean": (128.0,) * 3, "std": (64.0,) * 3}
    return ts.Data.from_arrays(train=(images, labels), batch_size=batch_size, **options)
