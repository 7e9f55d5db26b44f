"""Reads a prepared TensorFlow data set: decoded into arrays, or as it is stored."""

import contextlib
import pathlib

import numpy as np
import tensorflow as tf
from google.protobuf import json_format

from tfsparse.data.errors import DatasetCorruptedError, DatasetNotFoundError

_AT_ONCE = 1000


def prepared(make_builder, name, *, download, manual=None):
    """The builder of a data set that is on disk, after fetching it if `download` says so.

    Args:
        make_builder: function () -> TFDS builder.
        name: as in `DATASETS`.
        download: whether a missing set may be fetched.
        manual: None, or function (manual folder) -> whether the set's original files lie there, so that it can be
            prepared without a network.

    Raises:
        DatasetNotFoundError, DatasetCorruptedError.
    """
    try:
        builder = make_builder()
    except (json_format.Error, ValueError, KeyError) as error:  # no JSON, or not what TFDS wrote
        raise DatasetCorruptedError(
            f"The description of {name} cannot be read ({error}). Delete its folder in the data_dir and get it anew."
        ) from error
    if builder.is_prepared():
        return builder
    root = pathlib.Path(builder.data_path).parents[1]
    folder = root / "downloads" / "manual"
    if not download and not (manual and manual(folder)):
        raise DatasetNotFoundError(_how_to_get(name, root, folder if manual else None))
    try:
        builder.download_and_prepare()
    except OSError as error:
        raise DatasetNotFoundError(f"{name} could not be fetched or written to {root}: {error}") from error
    except DatasetCorruptedError:
        raise
    except Exception as error:  # TFDS has errors of its own for archives and checksums, derived from Exception alone
        raise DatasetCorruptedError(
            f"{name} could not be prepared in {root}: {error}. If its archive is damaged, delete it and get it anew."
        ) from error
    return builder


def _how_to_get(name, root, folder):
    text = (
        f"The data set {name!r} is not in {root}. To download it:\n"
        f"    python scripts/train.py --flagfile=configs/{name}.flags --download\n"
        f"in Python: load_data({name!r}, download=True). Where it is elsewhere, name the place with --data_dir or the "
        "environment variable TFDS_DATA_DIR."
    )
    if folder:
        text += f"\nWithout a network: put tiny-imagenet-200.zip, or the folder it unpacks to, into {folder}"
    return text


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
