"""`augmentation`: from names to one function on training batches."""

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

    >>> augmentation("crop_flop", 10)
    Traceback (most recent call last):
    ...
    ValueError: Unknown augmentation 'crop_flop'. Did you mean 'crop_flip'? Known: crop, crop_flip, cutmix, flip, mixup, none, randaugment.
    """
    entries = [resolve(AUGMENTATIONS, item, "augmentation") for item in parse_list(text)]
    changes = [entry(num_classes, **options) for entry, options in entries]
    changes = [change for change in changes if change is not None]
    if not changes:
        return None

    def augment(images, labels, seed):
        for number, change in enumerate(changes):
            images, labels = change(images, labels, seed + 2 * number * STRIDE)
        return images, labels

    return augment


STRIDE = 1_000_003  # keeps the seeds of successive changes apart
