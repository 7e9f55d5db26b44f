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
        ValueError: an unknown name or option, or a value out of its range; from the function itself: images that the
            augmentation cannot change.

    >>> images, labels = augmentation("crop(padding=2),flip", 10)(tf.zeros((4, 8, 8, 3)), tf.range(4), tf.constant([0, 1]))
    >>> images.shape.as_list()
    [4, 8, 8, 3]
    """
    names = parse_list(text)
    if not names:
        raise ValueError(f"augment names no augmentation, received {text!r}. 'none' leaves the images as they are.")
    entries = [resolve(AUGMENTATIONS, item, "augmentation") for item in names]
    changes = [(entry.__name__, entry(num_classes, **options)) for entry, options in entries if entry is not none]
    if not changes:
        return None

    @tf.function
    def changed(images, labels, seed):
        for number, (_, change) in enumerate(changes):
            images, labels = change(images, labels, tf.random.experimental.stateless_fold_in(seed, number))
        return images, labels

    @tf.autograph.experimental.do_not_convert  # a conversion would put its own traceback around the error
    def augment(images, labels, seed):
        for name, _ in changes:
            _check(name, images.shape)
        return changed(images, labels, seed)

    return augment


def _check(name, shape):
    """Raises ValueError if the augmentation cannot change a batch of this shape."""
    if len(shape) != 4:
        raise ValueError(
            f"The augmentation {name!r} takes images (n, height, width, channels), these batches have the shape {shape}. "
            "Leave it out, or give a function of your own as augment."
        )
    if name == "randaugment" and shape[-1] != 3:
        raise ValueError(
            f"The augmentation 'randaugment' changes colours: it takes images of 3 channels, these have {shape[-1]}. "
            "Take 'crop_flip', say, which takes any."
        )
