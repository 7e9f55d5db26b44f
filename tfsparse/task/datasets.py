"""`Data.from_datasets`: the user's own batched `tf.data`."""

import tensorflow as tf

from tfsparse.task import checks
from tfsparse.task.augment import classes_to_spread
from tfsparse.task.streams import Streams, finisher, ready
from tfsparse.task.surveys import evaluated, steps_of, survey
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
    """The arguments of `Data` for datasets; `Data.from_datasets` explains the options."""
    given = {"train": train, "validation": validation, "test": test}
    if num_classes != 1:  # one output takes its labels as they are
        given = {key: _flat(dataset) for key, dataset in given.items()}
    train = given["train"]
    checks.warn_of_shards(train)
    specs = {key: _spec(dataset, key) for key, dataset in given.items() if dataset is not None or key == "train"}
    steps = steps_of(train, steps_per_epoch)
    found = {}
    for key in set(specs) - {"train"}:
        given[key], found[key] = evaluated(given[key], key)
    looked_at = 1 if steps and num_classes else steps  # one batch, where all but the labels' range is known
    counted, shape, batch_size, found["train"], apart = survey(train.take(looked_at) if looked_at else train)
    # A label vector shows how many classes there are; class numbers show it only over all sets.
    learned = found["train"] if len(specs["train"][1].shape) == 2 else max(found.values())
    labels = specs["train"][1]
    # Whole numbers whose shape is known to be (n, 1) have become (n,) by now.
    if num_classes is None and (learned == 0 or (learned == 1 and labels.shape.rank == 2 and labels.dtype.is_integer)):
        raise ValueError(
            f"The labels of train, {labels}, do not say how many classes there are: give num_classes, 1 for numbers that one "
            "output shall give. Class numbers are of shape (n,), those of pixels (n, height, width)."
        )
    steps, classes = steps or counted, whole(learned if num_classes is None else num_classes, "num_classes")
    for key, (images, labels) in specs.items():
        if found[key] > classes and labels.shape.rank <= 2:  # the loss may ignore some labels of pixels
            raise ValueError(
                f"The labels of {key} reach {found[key] - 1}; with num_classes={classes} they end at {classes - 1}."
            )
        _check(key, images, labels, shape, classes)
    mean, std = checks.mean_and_std(mean, std, shape)
    finish = finisher(mean, std, one_hot=classes_to_spread(classes, [labels for _, labels in specs.values()]))
    return {
        "streams": _streams(train.map(finish, num_parallel_calls=tf.data.AUTOTUNE), steps, steps_per_epoch, apart),
        **{key: ready(given[key].map(finish)) for key in specs if key != "train"},
        "input_shape": tuple(shape),
        "num_classes": classes,
        "batch_size": batch_size,
        "steps_per_epoch": steps,
        "image_dtype": checks.image_dtype([images.dtype for images, _ in specs.values()]),
        **{"name": name, "mean": mean, "std": std, "class_names": class_names},
    }


def _streams(train, steps, given_steps, apart):
    def epochs(start, stop):
        # Starts at the beginning and skips: only then does a pipeline that repeats itself go on as in an unbroken run.
        return ready(train.repeat().skip(start * steps).take((stop - start) * steps))

    return Streams(
        train=ready(train.repeat().take(steps) if given_steps else train),
        epochs=epochs,
        scoring=lambda count: ready(train.repeat().take(count)),
        apart=apart,
    )


def _spec(dataset, argument):
    """The specs of images and labels; ValueError says what is wrong with the dataset."""
    if not isinstance(dataset, tf.data.Dataset):
        raise ValueError(
            f"{argument} must be a batched tf.data.Dataset, received {type(dataset).__name__}. Arrays go to from_arrays."
        )
    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) != 2 or not all(isinstance(part, tf.TensorSpec) for part in spec):
        hint = " Weights of images are for a `fit` of your own: docs/your_own.md." if isinstance(spec, tuple) else ""
        raise ValueError(f"{argument} must give pairs (images, labels), its elements are {spec}.{hint}")
    if spec[0].dtype == tf.string:
        raise ValueError(f"The images of {argument} must be numbers, received text: map it to numbers in the dataset.")
    if not spec[1].shape.rank or (spec[0].shape.rank or 0) < 2:
        raise ValueError(f"{argument} must give batches, its elements are {spec}. Batch it: dataset.batch(128).")
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


def _check(argument, images, labels, shape, classes):
    if not images.shape[1:].is_compatible_with(shape):
        raise ValueError(f"The images of {argument} have the shape {images.shape[1:]}, those of train {tuple(shape)}.")
    if len(labels.shape) == 2 and labels.shape[1] not in (None, classes):
        raise ValueError(
            f"The labels of {argument} are vectors over {labels.shape[1]} classes, num_classes is {classes}."
        )
