"""What a user's images and labels must be, checked on entry."""

import logging

import numpy as np
import tensorflow as tf

from tfsparse.task.vectors import add_up
from tfsparse.values import whole

log = logging.getLogger(__name__)


def images_and_labels(pair, argument, num_classes=None):
    """The pair as arrays: images uint8 or float32, labels int64 or, as vectors over the classes, float32.

    With `num_classes=1` a label is the number that a single output should give, any number: float32, (n, 1).

    >>> images, labels = images_and_labels(([[1, 2], [3, 4]], [[0], [1]]), "train")
    >>> images.dtype.name, labels
    ('float32', array([0, 1]))

    Raises:
        ValueError: says what is wrong with `argument`.
    """
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise ValueError(f"{argument} must be a pair (images, labels), received {type(pair).__name__}.")
    read = _numbers if num_classes == 1 else _labels
    images, labels = _images(np.asarray(pair[0]), argument), read(np.asarray(pair[1]), argument)
    if len(images) != len(labels):
        raise ValueError(f"{argument} has {len(images)} images and {len(labels)} labels: one label an image is needed.")
    return images, labels


def _images(images, argument):
    if images.dtype.kind not in "uifb":
        raise ValueError(f"The images of {argument} must be numbers, received dtype {images.dtype}.")
    if images.ndim not in (2, 4):
        grey = " Grey images need a channel axis: images[..., None]; sequences go to Data.from_datasets."
        hint = grey if images.ndim == 3 else ""
        raise ValueError(
            f"The images of {argument} must have the shape (n, height, width, channels), or (n, features) for vectors, "
            f"received {images.shape}.{hint}"
        )
    if images.size == 0:
        raise ValueError(f"{argument} is empty: its images have the shape {images.shape}.")
    if images.dtype == np.uint8:
        return images
    images = images.astype(np.float32, copy=False)
    for start in range(0, len(images), 4096):  # piece by piece: checking a large array must not take its memory again
        good = np.isfinite(images[start : start + 4096])
        if not good.all():
            bad = start + int(np.argwhere(~good)[0, 0])
            raise ValueError(f"Image {bad} of {argument} holds NaN or infinity. Remove or repair such images first.")
    return images


def _labels(labels, argument):
    if labels.ndim == 2 and labels.shape[1] == 1 and labels.dtype.kind in "ui":
        labels = labels[:, 0]  # the form in which Keras' own data sets come
    if labels.ndim == 1 and labels.dtype.kind in "uib":
        if labels.size and labels.min() < 0:
            raise ValueError(f"The labels of {argument} must be 0 or more, received {labels.min()}.")
        return labels.astype(np.int64)
    if labels.ndim == 2 and labels.shape[1] > 1 and labels.dtype.kind in "uifb":
        labels = labels.astype(np.float32)
        fits = (labels >= 0).all(axis=1) & add_up(labels)
        if not fits.all():
            bad = int(np.argmin(fits))
            raise ValueError(
                f"Label {bad} of {argument} must be 0 or more and sum to 1, received {labels[bad]}. Independent "
                "labels (tags) go to Data.from_datasets, with a loss such as BinaryCrossentropy."
            )
        return labels
    raise ValueError(
        f"The labels of {argument} must be whole numbers (n,) or vectors over the classes (n, classes), "
        f"received shape {labels.shape}, dtype {labels.dtype}. For numbers that one output shall give, num_classes=1."
    )


def _numbers(labels, argument):
    if labels.dtype.kind not in "uifb" or labels.shape not in ((len(labels),), (len(labels), 1)):
        raise ValueError(
            f"With num_classes=1 the labels of {argument} must be numbers (n,) or (n, 1), received shape {labels.shape}, "
            f"dtype {labels.dtype}."
        )
    if not np.isfinite(labels).all():
        raise ValueError(f"The labels of {argument} hold NaN or infinity. Remove such examples first.")
    return labels.astype(np.float32).reshape(-1, 1)


def class_count(labels, num_classes):
    """How many classes there are; checks the labels against it.

    Args:
        labels: dict from argument name to label array.
        num_classes: what the user says, or None.

    >>> class_count({"train": np.array([0, 2])}, None)
    3
    """
    found = {name: y.shape[1] if y.ndim == 2 else int(y.max()) + 1 for name, y in labels.items()}
    number = whole(max(found.values()) if num_classes is None else num_classes, "num_classes")
    for name, y in labels.items():
        if y.ndim == 2 and y.shape[1] != number:
            raise ValueError(f"The labels of {name} are vectors over {y.shape[1]} classes, num_classes is {number}.")
        if found[name] > number:
            raise ValueError(
                f"The labels of {name} reach {found[name] - 1}; with num_classes={number} they end at {number - 1}."
            )
    return number


def mean_and_std(mean, std, shape):
    """Both as tuples of one float a channel, or both None.

    >>> mean_and_std(127.5, (60, 61, 62), (32, 32, 3))
    ((127.5, 127.5, 127.5), (60.0, 61.0, 62.0))
    """
    if (mean is None) != (std is None):
        raise ValueError(f"mean and std go together, received mean={mean!r}, std={std!r}.")
    if mean is None:
        return None, None
    pair = []
    for name, value in (("mean", mean), ("std", std)):
        values = np.asarray(value, np.float64).reshape(-1)
        if values.size not in (1, shape[-1]) or not np.isfinite(values).all() or (name == "std" and values.min() <= 0):
            rule = "finite and above 0" if name == "std" else "finite"
            raise ValueError(f"{name} must be one number or {shape[-1]}, {rule}, received {value!r}.")
        pair.append(tuple(float(v) for v in np.broadcast_to(values, (shape[-1],))))
    return tuple(pair)


def batch_size_for(count, batch_size):
    """`batch_size` as an int, for a training set of `count` images; None, where nothing is trained: 128, or all if fewer."""
    batch_size = min(128, count) if batch_size is None else int(whole(batch_size, "batch_size"))
    if batch_size > count:
        raise ValueError(
            f"batch_size is {batch_size}, the training set has {count} images. Choose a smaller batch_size."
        )
    return batch_size


def image_dtype(dtypes):
    """What the images of a data set are, as a word: `"uint8"` if all its parts are, else `"float32"`.

    >>> image_dtype([np.dtype("uint8"), np.dtype("float64")])
    'float32'
    """
    return "uint8" if all(dtype == "uint8" for dtype in dtypes) else "float32"


def warn_of_shards(train):
    """Warns of a pipeline that seems sharded: workers share batches out, so each one's shard would be divided again."""
    options = train.options() if isinstance(train, tf.data.Dataset) else tf.data.Options()
    if options.experimental_distribute.auto_shard_policy == tf.data.experimental.AutoShardPolicy.OFF:
        log.warning(
            "train's options say AutoShardPolicy.OFF; DATA is set instead, and workers share the batches out. Give each of "
            "them the whole pipeline, without `shard`."
        )
