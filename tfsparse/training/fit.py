"""Trains one prepared model by Keras' `fit`, resumable after every epoch."""

import dataclasses
import logging
import pathlib
import sys

import tensorflow as tf
import tf_keras as keras

from tfsparse.training.best import SaveBest
from tfsparse.training.checkpoints import Checkpoints, SaveEpochs, saved_epochs
from tfsparse.training.devices import is_chief, synchronise
from tfsparse.training.history import HistoryFile
from tfsparse.training.live_gradients import exchange_live_only
from tfsparse.training.precision import scaled
from tfsparse.training.spans import spans
from tfsparse.training.watch import EpochLogs, StopOnNaN

log = logging.getLogger(__name__)

BEST = "best.safetensors"


@dataclasses.dataclass(frozen=True)
class Settings:
    """How to train, as opposed to what: but for BatchNorm on several devices, none of it changes what is computed, rounding
    apart.

    Args:
        folder: run folder for checkpoints, history and TensorBoard files; None writes nothing.
        strategy: a `tf.distribute` strategy; None: one device.
        sync_batch_norm: whether BatchNorm normalises by the whole batch of all devices, as one device would; else each by
            its share, and what is computed differs with their number.
        live_gradients: whether devices exchange the gradients of live weights only.
        dtype: Keras dtype policy of the training copy, such as `"mixed_bfloat16"`; None: float32.
        jit_compile: whether XLA compiles the training step.
        steps_per_execution: batches that one call of the compiled step goes through.
        verbose: as in Keras' `fit`; `"auto"`: a bar on a terminal, else one line an epoch.
    """

    folder: pathlib.Path | None = None
    strategy: tf.distribute.Strategy | None = None
    sync_batch_norm: bool = False
    live_gradients: bool = False
    dtype: str | None = None
    jit_compile: bool = False
    steps_per_execution: int = 1
    verbose: str | int = "auto"


def fit(make_model, task, *, loss, plain_loss, weights, masked, callbacks, settings, steps=None):
    """Trains what `make_model` makes to the end of `task`, from the last completed epoch on if there is a checkpoint.

    Args:
        make_model: () -> prepared model; called in the strategy's scope.
        task: `Task`.
        loss: Keras loss to train with.
        plain_loss: what it was before the recipe; a cross-entropy is reported along with the accuracy.
        weights: (model) -> path to variable of the weights that the plain network has.
        masked: (model) -> the variables whose live weights the logs count.
        callbacks: (model) -> list of Keras callbacks.
        settings: `Settings`.
        steps: (first, end) of a part of the task's steps; None: all. Data and learning rate are those of an unbroken
            training.

    Returns:
        (trained prepared model, list of one dict of numbers per epoch).

    Raises:
        Diverged: the loss is NaN or infinite.
        ValueError: a checkpoint that cannot be restored.
    """
    strategy = settings.strategy or tf.distribute.get_strategy()
    folder = None if settings.folder is None else pathlib.Path(settings.folder)
    writes = is_chief(strategy)
    with strategy.scope():
        model = make_model()
        if settings.sync_batch_norm:
            synchronise(model)
        optimizer = scaled(task.make_optimizer(), settings.dtype)
        optimizer.build(model.trainable_variables)  # before ghosts leave: their slots are part of the checkpoint
        if settings.live_gradients:
            log.info("%s of %s gradients are exchanged.", *map("{:,}".format, exchange_live_only(optimizer, model)))
        _compile(model, optimizer, loss, metrics(task, plain_loss), settings)
        checkpoints = None if folder is None else Checkpoints(folder / "checkpoints", model, optimizer, writes=writes)
        completed = checkpoints.restore() if checkpoints else 0
        first, end = steps or (0, task.steps)
        if not completed:
            optimizer.iterations.assign(first)
    history = HistoryFile(folder and folder / "history.csv", completed, writes=writes)
    watchers = [*callbacks(model), EpochLogs(masked(model)), StopOnNaN(), history]
    if checkpoints:
        best = SaveBest(folder / BEST, weights(model), history.rows, writes=writes)
        watchers += [best, SaveEpochs(checkpoints)]
    if folder and writes:
        watchers += [keras.callbacks.TensorBoard(str(folder / "tensorboard"))]
    for span in spans(max(first, completed * task.data.steps_per_epoch), end, task.data.steps_per_epoch):
        model.fit(
            task.data.epochs(span.epoch, span.end).skip(span.skip),
            initial_epoch=span.epoch,
            epochs=span.end,
            steps_per_epoch=span.steps,
            validation_data=task.data.validation,
            callbacks=watchers,
            verbose=_verbose(settings.verbose),
        )
    return model, history.rows


def _compile(model, optimizer, loss, measured, settings):
    model.compile(
        optimizer,
        loss=loss,
        metrics=measured,
        jit_compile=settings.jit_compile or None,
        steps_per_execution=settings.steps_per_execution,
    )


def has_checkpoint(folder):
    """Whether a training in `folder` would be resumed."""
    return folder is not None and bool(saved_epochs(pathlib.Path(folder) / "checkpoints"))


def metrics(task, loss):
    """What is reported beside the loss: for classifiers accuracy and the cross-entropy without label smoothing."""
    kinds = {
        keras.losses.SparseCategoricalCrossentropy: keras.metrics.SparseCategoricalCrossentropy,
        keras.losses.CategoricalCrossentropy: keras.metrics.CategoricalCrossentropy,
    }
    if type(loss) not in kinds:
        return []
    from_logits = loss.get_config().get("from_logits", False)
    return ["accuracy", kinds[type(loss)](from_logits=from_logits, name="cross_entropy")]


def _verbose(verbose):
    return (1 if sys.stderr.isatty() else 2) if verbose == "auto" else verbose
