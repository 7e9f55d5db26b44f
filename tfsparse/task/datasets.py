"""`Data.from_datasets`: the user's own batched `tf.data`."""

import numpy as np
import tensorflow as tf

from tfsparse.task import checks
from tfsparse.task.augment import classes_to_spread
from tfsparse.task.streams import Streams, finisher, ready
from tfsparse.values import whole


def from_datasets(
    train,
    validation,
    test,
    *,
    steps_per_epoch=None,
    num_classes=None,
    mean=None,
    std=None,
    name="data",
    class_names=None,
):
    """The arguments of `Data` for datasets; `Data.from_datasets` says what is what."""
    given = {"train": train, "validation": validation, "test": test}
    if num_classes != 1:  # one output takes its labels as they are
        given = {key: _flat(dataset) for key, dataset in given.items()}
    train = given["train"]
    checks.warn_of_shards(train)
    specs = {key: _spec(dataset, key) for key, dataset in given.items() if dataset is not None or key == "train"}
    steps = _steps(train, steps_per_epoch)
    found = {}
    for key in set(specs) - {"train"}:
        given[key], found[key] = _evaluated(given[key], key)
    looked_at = 1 if steps and num_classes else steps  # one batch, where all but the labels' range is known
    counted, shape, batch_size, found["train"] = _survey(train.take(looked_at) if looked_at else train)
    # Vectors have said how many classes there are; class numbers say it together.
    learned = found["train"] if len(specs["train"][1].shape) == 2 else max(found.values())
    steps, classes = steps or counted, whole(learned if num_classes is None else num_classes, "num_classes")
    for key, (images, labels) in specs.items():
        if found[key] > classes:
            raise ValueError(
                f"The labels of {key} reach {found[key] - 1}; with num_classes={classes} they end at {classes - 1}."
            )
        _check(key, images, labels, shape, classes)
    mean, std = checks.mean_and_std(mean, std, shape)
    finish = finisher(mean, std, one_hot=classes_to_spread(classes, [labels for _, labels in specs.values()]))
    return {
        "streams": _streams(train.map(finish, num_parallel_calls=tf.data.AUTOTUNE), steps, steps_per_epoch),
        **{key: ready(given[key].map(finish)) for key in specs if key != "train"},
        "input_shape": tuple(shape),
        "num_classes": classes,
        "batch_size": batch_size,
        "steps_per_epoch": steps,
        "image_dtype": checks.image_dtype([images.dtype for images, _ in specs.values()]),
        **{"name": name, "mean": mean, "std": std, "class_names": class_names},
    }


def _streams(train, steps, given_steps):
    def epochs(start, stop):
        # Begins at the beginning and skips: only so does what repeats itself go on where an unbroken run would be.
        return ready(train.repeat().skip(start * steps).take((stop - start) * steps))

    return Streams(
        train=ready(train.repeat().take(steps) if given_steps else train),
        epochs=epochs,
        scoring=lambda count: ready(train.repeat().take(count)),
    )


def _spec(dataset, argument):
    """The specs of images and labels, or what is wrong with the dataset."""
    if not isinstance(dataset, tf.data.Dataset):
        raise ValueError(
            f"{argument} must be a batched tf.data.Dataset, received {type(dataset).__name__}. Arrays go to from_arrays."
        )
    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) != 2 or not all(isinstance(part, tf.TensorSpec) for part in spec):
        raise ValueError(f"{argument} must give pairs (images, labels), its elements are {spec}.")
    if not spec[1].shape.rank or (spec[0].shape.rank or 0) < 2:
        raise ValueError(f"{argument} must give batches, its elements are {spec}. Batch it: dataset.batch(128).")
    if spec[0].dtype == tf.string:
        raise ValueError(f"The images of {argument} must be numbers, received text: map it to numbers in the dataset.")
    if spec[1].shape.rank == 1 and not spec[1].dtype.is_integer:
        hint = "For numbers that one output shall give: labels (n, 1), num_classes=1."
        raise ValueError(f"The labels of {argument} must be whole numbers, received {spec[1].dtype.name}. {hint}")
    return spec


def _flat(dataset):
    """The dataset with labels (n,) where it has (n, 1), the form in which Keras' own data sets come."""
    spec = getattr(dataset, "element_spec", None)
    pair = isinstance(spec, tuple) and len(spec) == 2 and isinstance(spec[1], tf.TensorSpec)
    if not pair or not spec[1].dtype.is_integer or spec[1].shape.rank != 2 or spec[1].shape[1] != 1:
        return dataset
    return dataset.map(lambda images, labels: (images, labels[:, 0]))


def _evaluated(dataset, argument):
    """The dataset, its number of batches known, which Keras asks for after an epoch; and the classes that its class numbers
    need, 0 of vectors. It is gone through unless both are known."""
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


def _steps(train, steps_per_epoch):
    """Batches an epoch, or None where nobody knows."""
    if steps_per_epoch is not None:
        return whole(steps_per_epoch, "steps_per_epoch")
    _refuse_infinite(train, "train", "Say how many batches are an epoch: steps_per_epoch=...")
    length = int(train.cardinality())
    if length == 0:
        raise ValueError("train is empty.")
    return length if length > 0 else None


def _refuse_infinite(dataset, argument, remedy):
    if int(dataset.cardinality()) == tf.data.INFINITE_CARDINALITY:
        raise ValueError(f"{argument} never ends. {remedy}")


def _survey(train):
    """Goes through `train`; returns its batches, the shape of an image, the batch size and the number of classes."""
    count, shape, batch_size, classes = 0, None, 0, 0
    for images, labels in train:
        if not np.isfinite(np.asarray(images, np.float32)).all():
            raise ValueError(f"Batch {count} of train holds NaN or infinity. Remove or repair such images first.")
        count, shape, batch_size = count + 1, images.shape[1:], max(batch_size, len(images))
        lowest = int(tf.reduce_min(labels)) if len(labels.shape) == 1 else 0
        if lowest < 0:
            raise ValueError(f"The labels of train must be 0 or more, received {lowest}.")
        classes = max(classes, labels.shape[1] if len(labels.shape) == 2 else int(tf.reduce_max(labels)) + 1)
    if not count:
        raise ValueError("train is empty.")
    return count, shape, batch_size, classes


def _check(argument, images, labels, shape, classes):
    if not images.shape[1:].is_compatible_with(shape):
        raise ValueError(f"The images of {argument} have the shape {images.shape[1:]}, those of train {tuple(shape)}.")
    if len(labels.shape) == 2 and labels.shape[1] not in (None, classes):
        raise ValueError(
            f"The labels of {argument} are vectors over {labels.shape[1]} classes, num_classes is {classes}."
        )
