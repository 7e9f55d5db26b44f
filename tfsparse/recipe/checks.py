"""Refuses, or warns of, what would train or end differently from what the user expects."""

import logging

import numpy as np
import tf_keras as keras

from tfsparse import paths
from tfsparse.graph import copy_layer, is_graph
from tfsparse.mask import check_model, hold, of_training
from tfsparse.recipe.callbacks import clocks

log = logging.getLogger(__name__)

_STEPS = ("train_step", "compute_loss", "make_train_function")


def check_trainable(model):
    """Raises a helpful error if `model` is not a built tf_keras model, or its copy would train differently.

    Raises:
        TypeError: not a model, or a Keras 3 model.
        ValueError: it has no weights yet, is already prepared, or has a loss or training step of its own, or an activity
            regularizer that a copy loses.
    """
    check_model(model)
    layer = of_training(model)
    if layer is not None:
        raise ValueError(
            f"Model {model.name!r} is prepared or wrapped already: layer {layer.name!r} ({type(layer).__name__}) belongs to "
            "training. Take the plain model: ts.strip(model), or tfmot.sparsity.keras.strip_pruning(model)."
        )
    if not is_graph(model):  # trained in place
        return
    own = [name for name in _STEPS if getattr(type(model), name) is not getattr(keras.Model, name)]
    if own:
        raise ValueError(
            f"Model {model.name!r} is a graph, whose copy is trained, and {type(model).__name__} has its own {own[0]}, which "
            "the copy would not have. Make a plain keras.Model of its inputs and outputs, and train `prepare(...)` of that in "
            "a loop of your own."
        )
    lost = [layer for _, layer in paths.layers(model) if _loses_regularizer(layer)]  # a composite restores its parts
    if lost:
        raise ValueError(
            f"Layer {lost[0].name!r} ({type(lost[0]).__name__}) has an activity_regularizer that its configuration does not "
            "hold: the copy that is trained would not have it. Put keras.layers.ActivityRegularization behind the layer."
        )
    if any(type(layer).__name__ == "AddLoss" for layer in model._flatten_layers()):
        raise ValueError(
            f"Model {model.name!r} has a loss of its own (add_loss), which the copy that is trained would not have. Make it "
            "part of Task(loss=...), or a layer's regularizer."
        )


def warn_of_other_start(model, mask):
    """Warns if `mask` was found for other start weights than the model's: a ticket is a mask and its start."""
    meant = {} if mask is None else mask.weights or {}
    own = paths.weights(model)
    for path in meant.keys() & own.keys():
        live, same_shape = mask.get(path, True), tuple(own[path].shape) == meant[path].shape
        if not same_shape or not np.array_equal(own[path].numpy() * live, meant[path] * live):
            log.warning(
                "This mask was found for other weights than those of %r, from which training starts now: mask.rewind(model) "
                "gives the model the weights that the mask was found for, if they fit.",
                model.name,
            )
            return


def warn_of_trained_start(model, recipe):
    """Warns if `model` has been trained and `recipe` is for new networks: it would undo some of that.

    The statistics of a trainable BatchNorm show it; a network without one shows nothing.
    """
    norms = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    trained = [norm.name for norm in norms if norm.trainable and np.any(norm.moving_mean.numpy())]
    if trained and recipe.starts_anew:
        log.warning(
            "Model %r has been trained: its norm %r has statistics. The recipe %r is for new networks: ghosts and rescaled "
            "weights undo some of what this one has learned. To train on from there take 'label_smoothing' or 'none'.",
            model.name,
            trained[0],
            recipe.text,
        )


def warn_of_living_ghosts(prepared):
    """Warns if ghosts still take part in what `prepared` computes: the stripped model computes something else.

    Ghosts that live for ever (`hand_over="constant"`) cause no warning: the user has asked for them.
    """
    alive = {name: clock.now for name, clock in clocks(prepared).items() if clock.now and clock.hand_over != "constant"}
    if alive:
        log.warning(
            "Training ended while ghosts lived (%s): the network without them is not the one that was trained, and may do far "
            "worse. Train on until they have left; with EarlyStopping, give it a start_from_epoch after that.",
            ", ".join(f"{name} at strength {strength:.2f}" for name, strength in alive.items()),
        )


def hold_zeros(prepared):
    """Sets weights that the mask removes back to 0, and warns, where a step of the user's own has changed them."""
    path = hold(prepared)
    if path is not None:
        log.warning(
            "Weights that the mask removes were not 0 any more, for example at %s, and are set to 0: something other than a "
            "Keras optimizer's step has changed them. Multiply by the mask after a step of your own.",
            path,
        )


def _loses_regularizer(layer):
    if getattr(layer, "activity_regularizer", None) is None:
        return False
    return getattr(copy_layer(layer), "activity_regularizer", None) is None
