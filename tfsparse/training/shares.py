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
    if not _reaches_all(batch_size, batch_size, devices):
        raise ValueError(
            f"Batches of {batch_size} images leave some of {devices} devices without any: the batch size is that of all "
            f"devices together. Give a multiple of {devices}."
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
    """`dataset`, to be evaluated, in batches whose shares all hold an image: oneDNN's kernels fail on empty ones.

    Args:
        dataset: batched `tf.data.Dataset`, or None; it is read once if there are several devices.
        strategy: `tf.distribute` strategy.

    >>> class Two:
    ...     num_replicas_in_sync = 2
    >>> batches = without_empty_shares(tf.data.Dataset.range(9).map(lambda n: (n, n)).batch(4), Two)
    >>> [len(images) for images, _ in batches], int(batches.cardinality())
    ([3, 3, 3], 3)
    >>> Two.num_replicas_in_sync = 4  # of 5 images the last would get none
    >>> [len(images) for images, _ in without_empty_shares(tf.data.Dataset.range(13).map(lambda n: (n, n)).batch(8), Two)]
    [13]
    """
    devices = strategy.num_replicas_in_sync
    if dataset is None or devices == 1:
        return dataset
    sizes = [len(tf.nest.flatten(batch)[0]) for batch in dataset]
    largest, total = max(sizes, default=0), sum(sizes)
    if all(_reaches_all(size, largest, devices) for size in sizes):
        return dataset
    fit = [size for size in range(devices, 2 * largest + 1) if _all_reach_all(total, size, devices)]
    if not fit:  # for example fewer images than devices: what then happens is left to TensorFlow
        return dataset
    size = min(fit, key=lambda size: abs(size - largest))
    return dataset.rebatch(size).apply(tf.data.experimental.assert_cardinality(-(-total // size)))


def _all_reach_all(total, size, devices):
    """Whether each of `devices` gets an image of every batch, the short last one too, if `total` come in batches of `size`."""
    return all(_reaches_all(batch, size, devices) for batch in (min(size, total), total % size or size))


def _reaches_all(batch, size, devices):
    """Whether each of `devices` gets an image of a batch; `size` is that of whole batches. TensorFlow cuts off shares of one
    size, rounded up: that of a whole batch's shares if it knows the size of whole batches, else that of this batch's shares.

    >>> _reaches_all(5, 8, 4), _reaches_all(7, 8, 4)
    (False, True)
    """
    return all(-(-whole // devices) * (devices - 1) < batch for whole in (batch, size))
