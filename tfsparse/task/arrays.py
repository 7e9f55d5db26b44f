"""`Data.from_arrays`: arrays in memory, batches gathered from them."""

import tensorflow as tf

from tfsparse.task import checks
from tfsparse.task.augment import classes_to_spread, traced
from tfsparse.task.streams import finisher, numbered_streams, ready, shuffle_seed
from tfsparse.values import whole


def from_arrays(
    train,
    validation,
    test,
    batch_size,
    *,
    shuffle=True,
    seed=0,
    num_classes=None,
    augment=None,
    mean=None,
    std=None,
    name="data",
    class_names=None,
):
    """The arguments of `Data` for arrays; `Data.from_arrays` explains the options."""
    given = {"train": train, "validation": validation, "test": test}
    splits = {key: checks.images_and_labels(pair, key, num_classes) for key, pair in given.items() if pair is not None}
    if "train" not in splits:
        raise ValueError("train must be a pair (images, labels), received None.")
    shape, seed = _shape(splits), whole(seed, "seed", least=0)
    batch_size = checks.batch_size_for(len(splits["train"][0]), batch_size)
    num_classes = checks.class_count({key: labels for key, (_, labels) in splits.items()}, num_classes)
    mean, std = checks.mean_and_std(mean, std, shape)

    source = {key: batches_of(*pair, batch_size, shuffle and key == "train", seed) for key, pair in splits.items()}
    random = shuffle or augment is not None
    return {
        **from_batches(source, seed=seed, random=random, augment=augment, num_classes=num_classes, mean=mean, std=std),
        **{"input_shape": shape, "batch_size": batch_size, "name": name, "class_names": class_names},
        "image_dtype": checks.image_dtype([images.dtype for images, _ in splits.values()]),
    }


def from_batches(source, *, seed, random, augment, num_classes, mean, std):
    """The arguments of `Data` that are made from raw batches.

    Args:
        source: dict from split to function (epoch) -> dataset of raw batches; evaluation uses epoch 0.
        seed: decides augmentation.
        random: whether `train` differs from one iteration to the next.
        augment, num_classes, mean, std: as `Data.from_arrays` takes them.
    """
    first = {key: batches(0) for key, batches in source.items()}
    augment, label_spec = traced(augment, first["train"])
    if len(label_spec.shape) == 2 and label_spec.shape[1] not in (None, num_classes):
        raise ValueError(
            f"augment gives labels over {label_spec.shape[1]} classes, the data have {num_classes}. Make it for as many: "
            f"tfsparse.data.augmentation('cutmix', {num_classes})."
        )
    spread = classes_to_spread(num_classes, [label_spec, *(raw.element_spec[1] for raw in first.values())])
    finish = finisher(mean, std, one_hot=spread)
    steps = int(first["train"].cardinality())
    streams = numbered_streams(source["train"], steps=steps, seed=seed, random=random, augment=augment, finish=finish)
    return {
        **{"streams": streams, "steps_per_epoch": steps, "num_classes": num_classes, "mean": mean, "std": std},
        **{key: ready(raw.map(finish)) for key, raw in first.items() if key != "train"},
    }


def _shape(splits):
    """The one shape that all images have."""
    shape = splits["train"][0].shape[1:]
    for key, (images, _) in splits.items():
        if images.shape[1:] != shape:
            raise ValueError(f"The images of {key} have the shape {images.shape[1:]}, those of train {shape}.")
    return shape


def batches_of(images, labels, batch_size, shuffle, seed):
    """A function (epoch) -> dataset of batches of the arrays, in the order of that epoch.

    >>> batches = batches_of(tf.range(4), tf.range(4), 3, False, 0)
    >>> [x.numpy().tolist() for x, _ in batches(0)]
    [[0, 1, 2], [3]]
    """
    with tf.device("CPU:0"):  # otherwise, on a machine with a GPU, they would go there, and back batch by batch
        images, labels = tf.convert_to_tensor(images), tf.convert_to_tensor(labels)

    def batches(epoch):
        order = tf.range(tf.shape(images, tf.int64)[0])
        if shuffle:
            order = tf.random.experimental.stateless_shuffle(order, shuffle_seed(seed, epoch))
        rows = tf.data.Dataset.from_tensor_slices(order).batch(batch_size, drop_remainder=shuffle)
        return rows.map(lambda chosen: (tf.gather(images, chosen), tf.gather(labels, chosen)))

    return batches
