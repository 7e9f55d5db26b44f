"""Reads a prepared TensorFlow data set: decoded into arrays, or as it is stored."""

import contextlib

import numpy as np
import tensorflow as tf

from tfsparse.data.errors import DatasetCorruptedError

_AT_ONCE = 1000


def array(builder, split, shape, decode):
    """All images of a split as one uint8 array, and their labels; in the order in which TFDS stored them."""
    count = builder.info.splits[split].num_examples
    images, labels, at = np.empty((count, *shape), np.uint8), np.empty(count, np.int64), 0
    with readable(builder):
        decoded = _stored(builder, split).map(lambda content, label: (decode(content), label), tf.data.AUTOTUNE)
        for some, their in decoded.batch(_AT_ONCE).as_numpy_iterator():
            images[at : at + len(some)], labels[at : at + len(some)] = some, their
            at += len(some)
        _check_count(at, count)
    return images, labels


def encoded(builder, split):
    """All images of a split as a tensor of their files' bytes, and their labels; in the order of `array`."""
    count = builder.info.splits[split].num_examples
    with readable(builder):
        contents, labels = _stored(builder, split).batch(count).get_single_element()
        _check_count(len(labels), count)
    return contents, labels


def _stored(builder, split):
    """Dataset of single (file's bytes, label), always in the same order."""
    import tensorflow_datasets as tfds  # takes seconds

    return builder.as_dataset(
        split=split,
        as_supervised=True,
        shuffle_files=False,
        decoders={"image": tfds.decode.SkipDecoding()},
        read_config=tfds.ReadConfig(try_autocache=False),  # everything is read once
    )


def _check_count(found, count):
    if found != count:
        raise tf.errors.DataLossError(None, None, f"{found} of {count} images found")


@contextlib.contextmanager
def readable(builder):
    """Turns what TensorFlow says about damaged records into an error that names the folder."""
    try:
        yield
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError) as error:
        raise DatasetCorruptedError(
            f"The files of {builder.name} are damaged ({error.message}). Delete the folder {builder.data_path} "
            "and get the data set anew."
        ) from error
