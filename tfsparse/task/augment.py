"""Augmentation as a stage between raw batches and finished ones: traced once, its effect on labels known beforehand."""

import tensorflow as tf


def traced(augment, raw):
    """The augmentation as a graph made once, and the spec of the labels it gives.

    A dataset traces the functions it maps each time it is built, which takes seconds with RandAugment.

    Args:
        augment: function (images, labels, seed) -> (images, labels), or None.
        raw: dataset of the training batches that it will get.

    Returns:
        (function or None, `tf.TensorSpec` of the labels)

    Raises:
        ValueError: `augment` is not a function, or does not give (images, labels) with images of the same shape.
    """
    images, labels = raw.element_spec
    if augment is None:
        return None, labels
    if not callable(augment):
        raise ValueError(
            f"augment must be a function (images, labels, seed) -> (images, labels), received {augment!r}. "
            "tfsparse.data.augmentation('crop_flip', num_classes) makes one from names."
        )
    graph = tf.function(augment).get_concrete_function(images, labels, tf.TensorSpec((2,), tf.int64))
    given = graph.structured_outputs
    if not isinstance(given, tuple) or len(given) != 2 or not images.shape.is_compatible_with(given[0].shape):
        raise ValueError(
            f"augment must give (images, labels) with images of the shape {images.shape}, it gives {given}."
        )
    return graph, given[1]


def classes_to_spread(num_classes, specs):
    """`num_classes` if any labels are vectors over the classes, so that all have to be; else None.

    >>> classes_to_spread(3, [tf.TensorSpec((4,), tf.int64), tf.TensorSpec((4, 3))])
    3
    """
    return num_classes if any(len(spec.shape) == 2 for spec in specs) else None
