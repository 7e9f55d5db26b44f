"""What has to be learned about the user's datasets before work starts: how long they are, and which classes they have."""

import numpy as np
import tensorflow as tf

from tfsparse.task.vectors import add_up
from tfsparse.values import whole


def evaluated(dataset, argument):
    """The dataset with a known number of batches, which Keras asks for after an epoch; and how many classes its class numbers
    need, 0 for vectors. The dataset is read once unless both are known."""
    _refuse_infinite(dataset, argument, "Take as much of it as one evaluation needs: dataset.take(n).")
    length, numbers = int(dataset.cardinality()), dataset.element_spec[1].shape.rank == 1
    lowest, highest = 0, -1
    if numbers or length == tf.data.UNKNOWN_CARDINALITY:

        def look(state, batch):
            count, low, high = state
            labels = tf.cast(batch[1] if numbers else [0], tf.int64)
            return count + 1, tf.minimum(low, tf.reduce_min(labels)), tf.maximum(high, tf.reduce_max(labels))

        length, lowest, highest = map(int, dataset.reduce(tuple(map(np.int64, (0, 0, -1))), look))
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(length))
    if length == 0:
        raise ValueError(f"{argument} is empty. Leave it out, or give it a batch (drop_remainder drops short ones).")
    if lowest < 0:
        raise ValueError(f"The labels of {argument} must be 0 or more, received {lowest}.")
    return dataset, highest + 1 if numbers else 0


def steps_of(train, steps_per_epoch):
    """Batches per epoch, or None if that is unknown."""
    if steps_per_epoch is not None:
        return whole(steps_per_epoch, "steps_per_epoch")
    _refuse_infinite(train, "train", "Say how many batches are an epoch: steps_per_epoch=...")
    length = int(train.cardinality())
    if length == 0:
        raise ValueError("train is empty.")
    return length if length > 0 else None


def survey(train):
    """Reads `train`; returns its number of batches, the shape of an image, the batch size, the number of classes, and whether
    labels are vectors that do not add up to 1."""
    count, shape, batch_size, classes, apart = 0, None, 0, 0, False
    for images, labels in train:
        if not np.isfinite(np.asarray(images, np.float32)).all():
            raise ValueError(f"Batch {count} of train holds NaN or infinity. Remove or repair such images first.")
        if len(images) != len(labels):
            raise ValueError(
                f"Batch {count} of train has {len(images)} images and {len(labels)} labels: one label an image is needed. Or "
                "are these no batches yet? dataset.batch(128)."
            )
        count, shape, batch_size = count + 1, images.shape[1:], max(batch_size, len(images))
        lowest = int(tf.reduce_min(labels)) if len(labels.shape) == 1 else 0
        if lowest < 0:
            raise ValueError(f"The labels of train must be 0 or more, received {lowest}.")
        classes = max(classes, _classes(labels))
        apart = apart or (len(labels.shape) == 2 and labels.shape[1] > 1 and not add_up(labels).all())
    if not count:
        raise ValueError("train is empty.")
    return count, shape, batch_size, classes, apart


def _classes(labels):
    """How many classes a batch of labels implies; 0 if it does not tell."""
    if len(labels.shape) == 2:
        return labels.shape[1]
    if len(labels.shape) > 3 and labels.shape[-1] > 1:  # vectors for each pixel
        return 0
    numbers = np.asarray(labels)
    return int(numbers.max()) + 1 if np.array_equal(numbers, np.rint(numbers)) else 0


def _refuse_infinite(dataset, argument, remedy):
    if int(dataset.cardinality()) == tf.data.INFINITE_CARDINALITY:
        raise ValueError(f"{argument} never ends. {remedy}")
