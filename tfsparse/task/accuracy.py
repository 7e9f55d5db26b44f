"""The share of images that a network classifies right."""

import numpy as np
import tensorflow as tf

from tfsparse.task.task import ends_in


def accuracy(predict, dataset, *, threshold=None):
    """Share of the images of `dataset` whose class `predict` tells: the one it gives the highest value.

    A single output tells two classes apart, 1 where it is above a threshold and 0 elsewhere.

    Args:
        predict: images (n, ...) -> array (n, classes): a Keras model or any other function.
        dataset: batched `tf.data.Dataset` of (images, labels); labels are class numbers or vectors over the classes.
        threshold: of a single output; None: what `threshold_of` says of a model, 0 of any other function.

    Returns:
        The share; None if there is no such thing: a single output, and labels that are not all 0 or 1 (a regression).

    >>> images = np.array([[-2.0], [-1.0], [3.0], [4.0]])
    >>> classes, numbers = (tf.data.Dataset.from_tensors((images, labels)) for labels in ([0, 1, 1, 1], [0.5, 1, 1, 2]))
    >>> accuracy(lambda x: x, classes), accuracy(lambda x: x, numbers)
    (0.75, None)
    """
    if isinstance(predict, tf.Module):
        threshold = threshold_of(predict) if threshold is None else threshold
        predict = tf.function(predict, reduce_retracing=True)
    right = count = 0
    for images, labels in dataset:
        found = _right(np.asarray(predict(images)), np.asarray(labels), threshold or 0.0)
        if found is None:
            return None
        right, count = right + int(np.sum(found)), count + len(found)
    return right / count


def threshold_of(model):
    """Above what a single output of a Keras model means class 1: 0.5 of a probability (it ends in a sigmoid), 0 of a logit."""
    return 0.5 if ends_in(model, "sigmoid") else 0.0


def _right(outputs, labels, threshold):
    """Which of the images are classified right; None where their labels are no classes of the outputs."""
    vectors = labels.ndim == 2 and labels.shape[-1] > 1
    if outputs.ndim > 1 and outputs.shape[-1] > 1:
        return np.argmax(outputs, -1) == (np.argmax(labels, -1) if vectors else np.ravel(labels))
    if vectors or not np.isin(labels, (0, 1)).all():
        return None
    return (np.ravel(outputs) > threshold) == np.ravel(labels)
