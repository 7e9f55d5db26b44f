"""Images on which an exported file is compared with the Keras model, as each of the two takes them."""

import numpy as np


def sample(data, input_shape, count):
    """Up to `count` images, twice: as the exported file takes them, and normalised, as the Keras model does.

    Images are uint8 if the data come from 8-bit images, judged by the units of mean and std and by the test images
    with the normalisation undone; else they are float32 in the data's own units (without mean and std: as they are).

    Args:
        data: with `.test`, batches of (normalised images, ...), and `.mean`, `.std`, per channel; each may be None or
            missing. Without test images random ones are made.
        input_shape: (height, width, channels), or another shape of one input.
        count: at least 1.

    Returns:
        (images, normalised): uint8 or float32 [n, *input_shape], and float32 of the same shape.

    >>> images, normalised = sample(None, (2, 2, 1), 3)
    >>> images.shape, images.dtype, images is normalised
    ((3, 2, 2, 1), dtype('float32'), True)
    """
    if count < 1:
        raise ValueError(f"images must be at least 1, received {count!r}.")
    mean, std = (_array(getattr(data, name, None)) for name in ("mean", "std"))
    test = getattr(data, "test", None)
    # Numbers between 0 and 1 deviate by less than 1, 8-bit images (but for a black set) by far more.
    eight_bit = mean is not None and len(input_shape) == 3 and std.max() > 1
    normalised = _random(input_shape, count, mean, std, eight_bit) if test is None else _first(test, count)
    if mean is None:
        return normalised, normalised
    own = normalised * std + mean
    if not eight_bit or own.min() < -0.5 or own.max() > 255.5:
        return own, normalised
    images = np.rint(own).clip(0, 255).astype("uint8")
    if np.abs(own - images).max() < 1e-2:
        return images, normalised  # the data set's own normalisation is compared with the file's
    # Resized images lie between the 256 levels; the file takes 8-bit images, so both get the rounded ones.
    return images, (images.astype("float32") - mean) / std


def calibration(data, input_shape, count):
    """Training images as an exported file takes them, float32, to find the ranges of activations on.

    The first two pixels of 8-bit images are set to 0 and 255, so that the range of the input is that of the type.

    Args:
        data: `Data`, or anything with `.train`, batches of (normalised images, ...), and `.mean`, `.std`, either of which
            may be None.
        input_shape: of one image.
        count: at most so many.

    Raises:
        ValueError: no training images.
    """
    train = getattr(data, "train", None)
    if train is None:
        raise ValueError(
            "int8 is calibrated on training images: pass data= with .train, batches of (images, labels), "
            "or export float16, which needs none."
        )
    mean, std = (_array(getattr(data, name, None)) for name in ("mean", "std"))
    if hasattr(data, "scoring"):  # the same images, not augmented
        train = data.scoring(min(data.steps_per_epoch, -(-count // data.batch_size)))
    normalised = _first(train, count)
    if normalised.shape[1:] != tuple(input_shape):
        raise ValueError(f"Calibration images have shape {normalised.shape[1:]}, the model takes {tuple(input_shape)}.")
    if mean is None:
        return normalised
    images = normalised * std + mean
    if std.max() > 1 and len(input_shape) == 3:
        images = np.rint(images).clip(0, 255)
        images.reshape(len(images), -1)[0, :2] = 0, 255
    return images


def _array(values):
    return None if values is None else np.asarray(values, "float32")


def _random(input_shape, count, mean, std, eight_bit):
    random = np.random.default_rng(0)
    if eight_bit:
        return (random.integers(0, 256, (count, *input_shape)).astype("float32") - mean) / std
    return random.normal(size=(count, *input_shape)).astype("float32")


def _first(test, count):
    batches, taken = [], 0
    for images, *_ in test:
        batches.append(np.asarray(images, "float32"))
        taken += len(batches[-1])
        if taken >= count:
            break
    return np.concatenate(batches)[:count]
