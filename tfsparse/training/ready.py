"""A model made ready for Keras' `fit`."""

import logging

import tf_keras as keras

from tfsparse.training.devices import synchronise
from tfsparse.training.later import from_step
from tfsparse.training.live_gradients import exchange_live_only
from tfsparse.training.precision import scaled

log = logging.getLogger(__name__)

_METRICS = {  # of a loss, and what it takes from the loss beside `from_logits`
    keras.losses.SparseCategoricalCrossentropy: (keras.metrics.SparseCategoricalCrossentropy, ("ignore_class",)),
    keras.losses.CategoricalCrossentropy: (keras.metrics.CategoricalCrossentropy, ("axis",)),
    keras.losses.BinaryCrossentropy: (keras.metrics.BinaryCrossentropy, ()),
}


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


def metrics(loss):
    """What is reported beside the loss: for classifiers accuracy and the cross-entropy without label smoothing.

    >>> [metric.name for metric in metrics(keras.losses.BinaryCrossentropy())], metrics(keras.losses.MeanSquaredError())
    (['accuracy', 'cross_entropy'], [])
    """
    if type(loss) not in _METRICS:
        return []
    (metric, names), config = _METRICS[type(loss)], loss.get_config()
    from_logits = config.get("from_logits", False)
    options = {name: config[name] for name in names if name in config}
    cross_entropy = metric(from_logits=from_logits, name="cross_entropy", **options)
    if type(loss) is not keras.losses.BinaryCrossentropy:
        return ["accuracy", cross_entropy]
    # Keras' own choice for "accuracy" takes logits for probabilities.
    return [keras.metrics.BinaryAccuracy("accuracy", threshold=0.0 if from_logits else 0.5), cross_entropy]
