"""The share of images that a network classifies right."""

import functools

import numpy as np
import tensorflow as tf

from tfsparse.task.endings import ends_in
from tfsparse.task.vectors import add_up


def accuracy(predict, dataset, *, threshold=None, ignored=None):
    """Share of the images of `dataset` for which `predict` gives the right class the highest value.

    A single output tells two classes apart: 1 where it is above a threshold, 0 elsewhere.

    Args:
        predict: images (n, ...) -> array (n, classes): a Keras model or any other function.
        dataset: batched `tf.data.Dataset` of (images, labels); labels are class numbers, of images or of
            pixels, or vectors over the classes.
        threshold: for a single output; None: what `threshold_of` says for a model, 0 for any other function.
        ignored: class number of images or pixels that do not count, as a loss's `ignore_class`; None: all count.

    Returns:
        The share; None if there is none: nothing counts; there is a single output, and labels are not all 0 or 1 (a
        regression); or labels are vectors that do not add up to 1 (independent labels).

    >>> images = np.array([[-2.0], [-1.0], [3.0], [4.0]])
    >>> classes, numbers = (tf.data.Dataset.from_tensors((images, labels)) for labels in ([0, 1, 1, 1], [0.5, 1, 1, 2]))
    >>> accuracy(lambda x: x, classes), accuracy(lambda x: x, numbers)
    (0.75, None)
    >>> tags = tf.data.Dataset.from_tensors((np.eye(2), np.array([[1, 1], [0, 1]])))
    >>> accuracy(lambda x: x, tags) is None
    True
    """
    if isinstance(predict, tf.Module):
        threshold = threshold_of(predict) if threshold is None else threshold
        predict = tf.function(inferring(predict), reduce_retracing=True)
    right = count = 0
    for images, labels in dataset:
        found = _right(np.asarray(predict(images)), np.asarray(labels), threshold or 0.0)
        if found is None:
            return None
        found = found if ignored is None else found[np.ravel(labels) != ignored]
        right, count = right + int(np.sum(found)), count + len(found)
    return right / count if count else None


def inferring(model):
    """`model` as a function of the images, never in training mode, the default of Keras' augmentation layers."""
    # A subclassed model whose call takes no `training` refuses the argument.
    return functools.partial(model, training=False) if getattr(model, "_expects_training_arg", False) else model


def threshold_of(model):
    """The value above which a single output of a model means class 1: 0.5 for a probability (from a sigmoid), 0 for a logit."""
    return 0.5 if ends_in(model, "sigmoid") else 0.0


def _right(outputs, labels, threshold):
    """Which images (or pixels) are classified right, booleans; None where the labels are not classes of the outputs."""
    if outputs.ndim < 2 or outputs.shape[-1] == 1:
        found = np.ravel(outputs) > threshold
        return found == np.ravel(labels) if labels.size == found.size and np.isin(labels, (0, 1)).all() else None
    found = np.argmax(outputs, -1)
    if labels.shape == outputs.shape:
        if not add_up(labels).all():  # not shares of classes: tags, or a regression
            return None
        labels = np.argmax(labels, -1)
    return np.ravel(found) == np.ravel(labels) if labels.size == found.size else None
