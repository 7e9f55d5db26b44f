"""CIFAR-10 and CIFAR-100, by TFDS."""

import functools

from tfsparse.data import tfds_images
from tfsparse.data.image_set import ImageSet
from tfsparse.data.tfds_prepared import prepared

# The constants that the published trainings of both sets use, in 0..255.
MEAN = tuple(255 * value for value in (0.4914, 0.4822, 0.4465))
STD = tuple(255 * value for value in (0.2023, 0.1994, 0.2010))

# "First" in the order in which TFDS stores the images, which is shuffled, and the same on every machine.
VALIDATION = 5000


def cifar10(data_dir=None, download=False, *, train=None):
    """60,000 photographs in 10 classes; 45,000 to train, 5,000 to validate, 10,000 to test.

    Args:
        data_dir, download: as in `load_data`.
        train: how many of the training images, the first ones; None: all.
    """
    return _cifar("cifar10", data_dir, download, train)


def cifar100(data_dir=None, download=False, *, train=None):
    """60,000 photographs in 100 classes; 45,000 to train, 5,000 to validate, 10,000 to test. Arguments as for `cifar10`."""
    return _cifar("cifar100", data_dir, download, train)


def _cifar(name, data_dir, download, train):
    import tensorflow_datasets as tfds  # takes seconds; digits and a user's own data do without

    builder = prepared(functools.partial(tfds.builder, name, data_dir=data_dir), name, download=download)
    image = builder.info.features["image"]
    splits = _splits(builder.info.splits["train"].num_examples - VALIDATION, train)
    return ImageSet(
        name=name,
        shape=image.shape,
        sizes={split: builder.info.splits[stored].num_examples for split, stored in splits.items()},
        read=lambda split: tfds_images.array(builder, splits[split], image.shape, image.decode_example),
        encoded=lambda split: tfds_images.encoded(builder, splits[split]),
        decode=image.decode_example,
        mean=MEAN,
        std=STD,
        class_names=tuple(builder.info.features["label"].names),
    )


def _splits(count, train):
    train = count if train is None else train
    if isinstance(train, bool) or not isinstance(train, int) or not 1 <= train <= count:
        raise ValueError(f"train, how many training images are taken, must be from 1 to {count}; received {train!r}.")
    return {"train": f"train[{VALIDATION}:{VALIDATION + train}]", "validation": f"train[:{VALIDATION}]", "test": "test"}
