"""`find_mask`, given what methods that train need: training by the default protocol, and accuracies."""

import dataclasses
import functools
import logging

from tfsparse import masks
from tfsparse.experiment.train import train
from tfsparse.mask.mask_file import is_mask_file
from tfsparse.registry import lookup, parse
from tfsparse.report import evaluate
from tfsparse.training import Settings

log = logging.getLogger(__name__)


def find_mask(
    model,
    method,
    *,
    sparsity=None,
    task=None,
    seed=None,
    prunable="all",
    exclude=(),
    strict=False,
    folder=None,
    training=None,
    **options,
):
    """Finds the weights of `model` that live; the model and all random states are left bit for bit as they were.

    Args:
        model: built tf_keras model.
        method: a name in `METHODS`, with options or without: `"snip(batches=4)"`; or a `Mask`, or the path of a mask
            file (`.safetensors`, `.npz`), which is then only checked against the model.
        sparsity: share of the prunable weights that are zero, in [0, 1): exactly `round((1 - sparsity) * n)` live.
            A given mask has its own, which wins; a note in the log says when they differ.
        task: `Task`; methods that look at data need one.
        seed: of random draws and of ties; None: the task's, or 0.
        prunable: `"all"`, `"conv"` for convolution kernels only, or `"pointwise"` for 1x1 convolutions only. A given mask
            names its weights itself.
        exclude: paths of weights, or of layers, that stay dense and are not counted.
        strict: refuse a mask that leaves a layer without a weight, instead of warning.
        folder: where methods that train (`imp`, `gem_miner`, `gradual`) keep their rounds or epochs; called again with the
            same folder, the search goes on after the last finished one. None: nothing is kept.
        training: settings of the trainings of `imp`, as `tfsparse.train` takes them: `strategy`, `dtype`, ... (`gem_miner`
            and `gradual` train on one device, in the model's own precision; a note in the log says what they do not use.)
        **options: options of the method, as in: `find_mask(model, "snip", batches=4, pattern="2:4", ...)`.
            Those that all methods have in common: `tfsparse.masks.Choices`.

    Returns:
        `Mask`; its metadata say how it was found, its `weights` are the start weights for training, if the method sets them.

    >>> import tf_keras as keras
    >>> model = keras.Sequential([keras.layers.Dense(4, input_shape=(5,), name="head")])
    >>> find_mask(model, "random", sparsity=0.75)
    Mask(1 weights, 5 of 20 live, sparsity 0.7500)

    Raises:
        ValueError: unknown method, option or setting of training, a sparsity out of range or that leaves nothing, a method
            that needs a task without one, scores that are not finite, a mask that does not fit, with `strict` a layer
            without a weight.
        FileNotFoundError: no such mask file.
    """
    settings = {"sparsity": sparsity, "task": task, "seed": seed, "prunable": prunable, "exclude": exclude}
    train_one = functools.partial(_train, _checked(training or {}, method))
    return masks.find_mask(model, method, strict=strict, folder=folder, train=train_one, **settings, **options)


def _checked(training, method):
    """The settings of training, refused if unknown; warns of those that the method will not use."""
    known = {field.name: field.default for field in dataclasses.fields(Settings) if field.name != "folder"}
    known["callbacks"] = ()
    given = {name: lookup(known, name, "setting of training") for name in training}
    differing = [name for name, default in given.items() if training[name] and training[name] != default]
    alike = {"verbose"} | {name for name in ("dtype", "strategy") if _changes_nothing(training.get(name))}
    unused = [name for name in differing if name not in alike]
    by_name = isinstance(method, str) and not is_mask_file(method)
    if unused and by_name and parse(method)[0] in masks.OWN_TRAINING:
        log.warning(
            "%s trains on one device, in the model's own precision: while it looks for the mask, %s will not be used.",
            method,
            ", ".join(unused),
        )
    return training


def _changes_nothing(value):
    return value == "float32" or getattr(value, "num_replicas_in_sync", None) == 1


def _train(settings, model, task, mask, folder, steps):
    """Trains by the default protocol, one line an epoch, because the rounds have a progress bar already."""
    train(model, task, mask, "none", folder=folder, steps=steps, **{"verbose": 2, **settings})
    return evaluate(model, task)
