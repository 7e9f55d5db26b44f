"""Devices exchange the gradients of live weights only: at 90 % sparsity a tenth of the bytes."""

import numpy as np
import tensorflow as tf

from tfsparse import paths
from tfsparse.mask.masked_layer import masks


def exchange_live_only(optimizer, model):
    """Makes an optimizer sum up only the gradients of live weights over the devices of a strategy.

    Those of dead weights come out as 0, which `MaskGradients` would set them to anyway: the result stays the same. The
    places of live weights are read from the masks once.

    Args:
        optimizer: Keras optimizer, not traced yet; with loss scaling, too.
        model: sparsified model; one without masks exchanges all.

    Returns:
        (numbers exchanged in a step, numbers in all gradients)
    """
    weights = paths.weights(model)
    places = {weights[path].ref(): _places(mask) for path, mask in masks(model).items()}
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    exchange = optimizer.aggregate_gradients

    def aggregate(grads_and_vars):
        pairs = [(gradient, variable, places.get(variable.ref())) for gradient, variable in grads_and_vars]
        sums = exchange([(_pack(gradient, chosen), variable) for gradient, variable, chosen in pairs])
        return [(_unpack(s, v, chosen), v) for (s, v), (_, _, chosen) in zip(sums, pairs, strict=True)]

    optimizer.aggregate_gradients = aggregate  # Keras' own hook for summing up in another way
    total = sum(variable.shape.num_elements() for variable in model.trainable_variables)
    dead = [weights[path].shape.num_elements() - int(places[weights[path].ref()].shape[0]) for path in masks(model)]
    return total - sum(dead), total


def _places(mask):
    return tf.constant(np.flatnonzero(tf.convert_to_tensor(mask).numpy()).astype("int32"))


def _pack(gradient, places):
    """The gradient at `places`, a vector; the gradient itself where nothing is masked."""
    if gradient is None or places is None:
        return gradient
    return tf.gather(tf.reshape(gradient, [-1]), places)


def _unpack(values, variable, places):
    """The gradient in the variable's shape, 0 elsewhere."""
    if values is None or places is None:
        return values
    flat = tf.scatter_nd(places[:, tf.newaxis], values, [variable.shape.num_elements()])
    return tf.reshape(flat, variable.shape)
