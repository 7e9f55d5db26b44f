"""Trains one prepared model by Keras' `fit`, resumable after every epoch."""

import functools
import logging
import pathlib
import sys

import tensorflow as tf
import tf_keras as keras

from tfsparse.training.best import SaveBest, forget_later
from tfsparse.training.checkpoints import CHECKPOINTS, Checkpoints, SaveEpochs
from tfsparse.training.compacted import forget_stays, read_stays, write_stays
from tfsparse.training.devices import is_chief, take_chiefs_weights
from tfsparse.training.history import HistoryFile
from tfsparse.training.ready import make_ready
from tfsparse.training.shares import without_empty_shares
from tfsparse.training.spans import spans
from tfsparse.training.watch import EpochLogs, StopOnNaN

log = logging.getLogger(__name__)

BEST, HISTORY = "best.safetensors", "history.csv"


def fit(make_model, task, *, loss, plain_loss, weights, masked, callbacks, smaller, settings, steps=None):
    """Trains what `make_model` makes to the end of `task`, from the last completed epoch on if there is a checkpoint.

    Args:
        make_model: () -> prepared model; called in the strategy's scope.
        task: `Task`.
        loss: Keras loss to train with.
        plain_loss: the loss before the recipe; if it is a cross-entropy, it is reported along with the accuracy.
        weights: (model) -> dict from path to variable, of the weights that the plain network has.
        masked: (model) -> the variables whose live weights the logs count.
        callbacks: (model) -> list of Keras callbacks.
        smaller: (model, stays) -> `Compacted`; its `from_step(model)` is the first step that can use one, None if none can.
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
    first, end = steps or (0, task.steps)
    compiled = functools.partial(
        make_ready, task=task, loss=loss, plain_loss=plain_loss, settings=settings, first=first
    )
    with strategy.scope():
        model = make_model()
        take_chiefs_weights(strategy, model)
        optimizer = compiled(model)  # before ghosts leave: their slots are part of the checkpoint
        checkpoints = None if folder is None else Checkpoints(folder / CHECKPOINTS, model, optimizer, writes=writes)
        completed = checkpoints.restore() if checkpoints else 0
    if folder and writes:
        _forget(folder, completed)
    history = HistoryFile(folder and folder / HISTORY, completed, writes=writes)
    changing, watchers = callbacks(model), [EpochLogs(masked(model)), StopOnNaN(), history]
    if checkpoints:
        best = SaveBest(folder / BEST, weights(model), history.rows, writes=writes)
        watchers += [best, SaveEpochs(checkpoints)]
    if folder and writes:
        watchers += [keras.callbacks.TensorBoard(str(folder / "tensorboard"))]
    per_epoch = task.data.steps_per_epoch
    first = max(first, completed * per_epoch)
    middle = min(end, max(first, _compact_from(model, smaller, settings, per_epoch, end)))
    validation = without_empty_shares(task.data.validation, strategy) if first < end else None
    run = functools.partial(_fit, task=task, validation=validation, settings=settings)
    run(model, parts=spans(first, middle, per_epoch), watchers=[*changing, *watchers])
    if first >= end and getattr(optimizer, "use_ema", False):
        # As Keras does at the end of its `fit`, after the last checkpoint.
        optimizer.finalize_variable_values(model.trainable_variables)
    if middle < end and not model.stop_training:
        with strategy.scope():
            small = smaller(model, read_stays(folder))
            small.start(optimizer, compiled(small.small))
        if writes:
            write_stays(folder, small.compaction.stays)
        log.info("From epoch %d on: %s.", middle // per_epoch + 1, small.compaction)
        # `small` twice: callbacks may change weights and learning rate, and checkpoints must hold what they have changed.
        run(small.small, parts=spans(middle, end, per_epoch), watchers=[small, *changing, small, *watchers])
        small.hand_back()
    return model, history.rows


def _forget(folder, completed):
    """Deletes what an earlier training has left in `folder` beyond the completed epochs."""
    forget_later(folder / BEST, completed)
    if not completed:
        forget_stays(folder)


def _compact_from(model, smaller, settings, per_epoch, end):
    """The first step of the first epoch in which no ghost lives; `end` if there is none, or nothing is to be compacted."""
    step = smaller.from_step(model) if settings.compact else None
    return end if step is None else -(-step // per_epoch) * per_epoch


def _fit(model, task, parts, watchers, validation, settings):
    model.stop_training = False
    for span in parts:
        if model.stop_training:  # by a callback; the next call of `fit` would not know
            return
        model.fit(
            task.data.epochs(span.epoch, span.end).skip(span.skip),
            initial_epoch=span.epoch,
            epochs=span.end,
            steps_per_epoch=span.steps,
            validation_data=validation,
            callbacks=watchers,
            verbose=_verbose(settings.verbose),
        )


def _verbose(verbose):
    return (1 if sys.stderr.isatty() else 2) if verbose == "auto" else verbose
