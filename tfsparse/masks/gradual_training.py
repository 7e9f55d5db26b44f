"""The training under TF-MOT's wrappers, resumable after every epoch."""

import contextlib
import json
import logging

import tensorflow as tf
import tf_keras as keras
from tensorflow_model_optimization.sparsity import keras as tfmot

from tfsparse import paths
from tfsparse.graph import clone, copy_layer
from tfsparse.mask.mask import Mask
from tfsparse.mask.masked_layer import masks
from tfsparse.masks.gradual_layer import GradualLayer
from tfsparse.masks.state import State
from tfsparse.task.accuracy import accuracy, threshold_of
from tfsparse.task.metrics import ignored, metrics

log = logging.getLogger(__name__)


class GradualTraining:
    """One training of a copy of the search's model; its state after every epoch and its result are kept in the search's folder.

    Args:
        search: `Search`.
        task: `Task`, what is trained.
        schedule: TF-MOT's `PruningSchedule`, for all weights that the mask is for.
    """

    def __init__(self, search, task, schedule):
        self.search, self.task, self.schedule = search, task, schedule

    def result(self):
        """TF-MOT's final masks and the trained weights, both path -> array; trains first if that has not been done."""
        file = self.search.folder / "trained.safetensors"
        if not file.is_file():
            model = self._trained()
            weights = {path: variable.numpy() for path, variable in paths.weights(model).items()}
            found = {path: mask.numpy() for path, mask in masks(model).items()}
            Mask(found, {"accuracies": json.dumps(self._accuracies(model))}, weights).save(file)
        trained = Mask.load(file)
        self.search.notes["accuracies"] = json.loads(trained.metadata["accuracies"])
        return trained, trained.weights

    def _trained(self):
        model, data = self._wrapped(), self.task.data
        optimizer = self.task.make_optimizer()
        optimizer.build(model.trainable_variables)
        loss = self.task.loss_for(self.search.model)
        model.compile(optimizer, loss, metrics=metrics(loss))
        # By their number: names may repeat.
        variables = {str(number): v for number, v in enumerate([*model.variables, *optimizer.variables])}
        state = State(self.search.folder / "epochs.safetensors", variables)
        completed = int(state.load().get("epochs", 0))
        if completed < self.task.epochs:
            epochs = iter(self.search.shown(range(completed, self.task.epochs), "Training and pruning"))
            # Keras' own way to resume a fit would begin with the data of epoch 0.
            span = {"initial_epoch": completed, "epochs": self.task.epochs, "steps_per_epoch": data.steps_per_epoch}
            # In this order, so that the state saved after an epoch has the zeros that TF-MOT sets at its end.
            callbacks = [tfmot.UpdatePruningStep(), _Saves(state, epochs)]
            with _fitting(model):
                model.fit(data.epochs(completed, self.task.epochs), **span, callbacks=callbacks, verbose=0)
            next(epochs, None)  # closes the progress bar
        return model

    def _wrapped(self):
        def wrapped_or_copy(path, layer):
            inside = paths.inside(layer, self.search.weights.values())
            return GradualLayer(copy_layer(layer), inside, self.schedule) if inside else copy_layer(layer)

        return clone(self.search.model, wrapped_or_copy)

    def _accuracies(self, model):
        parts = {"validation_accuracy": self.task.data.validation, "test_accuracy": self.task.data.test}
        given = {name: part for name, part in parts.items() if part is not None}
        forward = tf.function(lambda x: model(x, training=False), reduce_retracing=True)
        threshold = threshold_of(self.search.model)  # the copy's last layer is wrapped
        counted = {"threshold": threshold, "ignored": ignored(self.task.loss)}
        found = {name: accuracy(forward, part, **counted) for name, part in given.items()}
        return {name: share for name, share in found.items() if share is not None}


@contextlib.contextmanager
def _fitting(model):
    """Inside it, calls of the model's wrappers count as training steps, and prune."""
    wrappers = [layer for layer in model._flatten_layers() if isinstance(layer, GradualLayer)]
    for wrapper in wrappers:
        wrapper.fitting = True
    try:
        yield
    finally:
        for wrapper in wrappers:
            wrapper.fitting = False


class _Saves(keras.callbacks.Callback):
    """Logs every epoch, and saves the state at its end."""

    def __init__(self, state, shown):
        super().__init__()
        self.state, self.shown = state, shown

    def on_epoch_begin(self, epoch, logs=None):
        next(self.shown)

    def on_epoch_end(self, epoch, logs=None):
        log.info("Epoch %d: %s", epoch + 1, ", ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items()))
        self.state.save(epochs=epoch + 1)
