"""`augmentation`: from names to one function on training batches."""

import tensorflow as tf

from tfsparse.data.crop_flip import crop, crop_flip, flip
from tfsparse.data.keras_cv_layers import cutmix, mixup, randaugment
from tfsparse.registry import parse_list, resolve


def none(num_classes):
    """Leaves the images as they are."""
    return None


AUGMENTATIONS = {
    "none": none,
    "crop": crop,
    "flip": flip,
    "crop_flip": crop_flip,
    "randaugment": randaugment,
    "mixup": mixup,
    "cutmix": cutmix,
}


def augmentation(text, num_classes):
    """The augmentation that `text` names, or None for none.

    Args:
        text: names with options, separated by commas, applied in this order: `"crop_flip,mixup(alpha=0.2)"`.
        num_classes: how many classes the labels tell apart.

    Returns:
        function (images, labels, seed) -> (images, labels) on a batch of images in 0..255, as `Data.from_arrays` takes it.

    Raises:
        ValueError: an unknown name or option, or a value out of its range.

    >>> images, labels = augmentation("crop(padding=2),flip", 10)(tf.zeros((4, 8, 8, 3)), tf.range(4), tf.constant([0, 1]))
    >>> images.shape.as_list()
    [4, 8, 8, 3]
    """
    entries = [resolve(AUGMENTATIONS, item, "augmentation") for item in parse_list(text)]
    changes = [entry(num_classes, **options) for entry, options in entries]
    changes = [change for change in changes if change is not None]
    if not changes:
        return None

    def augment(images, labels, seed):
        for number, change in enumerate(changes):
            images, labels = change(images, labels, tf.random.experimental.stateless_fold_in(seed, number))
        return images, labels

    return augment
