"""A model made ready for Keras' `fit`."""

import logging

from tfsparse.task.metrics import metrics
from tfsparse.training.devices import synchronise
from tfsparse.training.later import from_step
from tfsparse.training.live_gradients import exchange_live_only
from tfsparse.training.precision import scaled

log = logging.getLogger(__name__)


def make_ready(model, task, loss, plain_loss, settings, first=0):
    """Compiles `model` for a task from its step `first` on, as the `Settings` say; returns its optimizer, built."""
    if settings.sync_batch_norm:
        synchronise(model)
    optimizer = scaled(from_step(task.make_optimizer(), first), settings.dtype)
    undecayed = [v for layer in model.layers if not getattr(layer, "decays", True) for v in layer.trainable_variables]
    if undecayed:
        getattr(optimizer, "inner_optimizer", optimizer).exclude_from_weight_decay(var_list=undecayed)
    optimizer.build(model.trainable_variables)
    if settings.live_gradients:
        log.info("%s of %s gradients are exchanged.", *map("{:,}".format, exchange_live_only(optimizer, model)))
    model.compile(
        optimizer,
        loss=loss,
        metrics=metrics(plain_loss),
        jit_compile=settings.jit_compile or None,
        steps_per_execution=settings.steps_per_execution,
    )
    return optimizer
