"""The shares of a batch that several devices get."""

import logging

import tensorflow as tf

log = logging.getLogger(__name__)


def check_shares(batch_size, strategy):
    """Raises ValueError if a device would get nothing of a training batch; warns if some would get more than others.

    Each device takes the mean over its share, and the update is the mean of these: images in small shares count more, and an
    empty one makes the update smaller.
    """
    devices = 1 if strategy is None else strategy.num_replicas_in_sync
    if batch_size < devices:
        raise ValueError(
            f"Batches of {batch_size} images leave some of {devices} devices without any: the batch size is that of all "
            f"devices together. Give {devices} at least."
        )
    if batch_size % devices:
        log.warning(
            "%d devices share batches of %d images unevenly, and images in small shares count more: one device would compute "
            "something else. Batches of %d would do.",
            devices,
            batch_size,
            batch_size - batch_size % devices,
        )


def without_empty_shares(dataset, strategy):
    """`dataset`, what is evaluated, in batches that leave no device without an image: oneDNN's kernels fail on none.

    Args:
        dataset: batched `tf.data.Dataset`, or None; it is gone through once if there are several devices.
        strategy: `tf.distribute` strategy.

    >>> class Two:
    ...     num_replicas_in_sync = 2
    >>> batches = without_empty_shares(tf.data.Dataset.range(9).map(lambda n: (n, n)).batch(4), Two)
    >>> [len(images) for images, _ in batches], int(batches.cardinality())
    ([3, 3, 3], 3)
    """
    devices = strategy.num_replicas_in_sync
    if dataset is None or devices == 1:
        return dataset
    sizes = [len(tf.nest.flatten(batch)[0]) for batch in dataset]
    if min(sizes, default=devices) >= devices:
        return dataset
    total = sum(sizes)
    whole = [size for size in range(max(sizes), devices - 1, -1) if total % size == 0 or total % size >= devices]
    if not whole:  # fewer images than devices, say: TensorFlow says what becomes of them
        return dataset
    return dataset.rebatch(whole[0]).apply(tf.data.experimental.assert_cardinality(-(-total // whole[0])))
