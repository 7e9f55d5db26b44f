"""Images on which an exported file is compared with the Keras model, in the form that each of the two takes."""

import numpy as np

DTYPES = {"uint8": np.uint8, "float32": np.float32}


def sample(data, input_shape, count, dtype):
    """Up to `count` images, twice: as the exported file takes them, and normalised, as the Keras model does.

    Args:
        data: has `.test`, batches of (normalised images, ...), and `.mean`, `.std`, per channel; each may be None or
            missing. Without test images random ones are made.
        input_shape: (height, width, channels), or another shape of one input.
        count: at least 1.
        dtype: of the file's images: `"float32"`, in the data's own units, or `"uint8"`.

    Returns:
        (images, normalised): uint8 or float32 [n, *input_shape], and float32 of the same shape.

    Raises:
        ValueError: `count` below 1, or images that cannot be 8-bit ones.

    >>> images, normalised = sample(None, (2, 2, 1), 3, "float32")
    >>> images.shape, images.dtype, images is normalised
    ((3, 2, 2, 1), dtype('float32'), True)
    """
    if count < 1:
        raise ValueError(f"images must be at least 1, received {count!r}.")
    test = getattr(data, "test", None)
    normalised = _random(data, input_shape, count, dtype) if test is None else _first(test, count)
    own = _own(data, normalised)
    if dtype != "uint8":
        return own, normalised
    images = eight_bit(own)
    if np.abs(own - images).max() < 1e-2:
        return images, normalised  # the data set's own normalisation is compared with the file's
    # Resized images lie between the 256 levels; the file takes 8-bit images, so both get the rounded ones.
    return images, _normalised(data, images)


def input_shape_of(model, data):
    """The shape of one image, from the data or else from the model.

    Raises:
        ValueError: neither has one, they differ, or the model takes more than one input.
    """
    if len(getattr(model, "inputs", None) or ()) > 1:
        raise ValueError(
            f"Model {model.name!r} takes {len(model.inputs)} inputs; only models that take one can be exported."
        )
    own = getattr(model, "input_shape", None)
    shape = tuple(getattr(data, "input_shape", None) or (own[1:] if isinstance(own, tuple) else ()))
    if not shape or None in shape:
        raise ValueError(f"Model {model.name!r} takes inputs of shape {own}; pass data with the input_shape of images.")
    if isinstance(own, tuple) and (
        len(own) != len(shape) + 1 or any(a not in (None, b) for a, b in zip(own[1:], shape, strict=True))
    ):
        raise ValueError(f"Model {model.name!r} takes images of shape {own[1:]}, the data's are {shape}.")
    return shape


def calibration(data, input_shape, count, dtype):
    """Training images as an exported file takes them, in float32, on which the ranges of activations are found.

    The first two numbers of 8-bit images are set to 0 and 255, so that the range of the input is that of its type.

    Args:
        data: `Data`, or anything with `.train`, batches of (normalised images, ...), and `.mean`, `.std`, either of which
            may be None.
        input_shape: of one image.
        count: how many at most.
        dtype: of the file's images, `"uint8"` or `"float32"`.

    Raises:
        ValueError: no training images.
    """
    train = getattr(data, "train", None)
    if train is None:
        raise ValueError(
            "int8 is calibrated on training images: pass data= with .train, batches of (images, labels), "
            "or export float16, which needs none."
        )
    if hasattr(data, "scoring"):  # the same images, not augmented
        train = data.scoring(min(data.steps_per_epoch, -(-count // data.batch_size)))
    normalised = _first(train, count)
    if normalised.shape[1:] != tuple(input_shape):
        raise ValueError(f"Calibration images have shape {normalised.shape[1:]}, the model takes {tuple(input_shape)}.")
    images = _own(data, normalised)
    if dtype == "uint8":
        images = eight_bit(images).astype("float32")
        images.reshape(len(images), -1)[0, :2] = 0, 255
    return images


def eight_bit(images):
    """Images rounded to uint8.

    >>> eight_bit(np.array([0.2, 254.8])).tolist()
    [0, 255]

    Raises:
        ValueError: numbers out of the range of uint8, or all between 0 and 1.
    """
    low, high = float(images.min()), float(images.max())
    if low < -0.5 or high > 255.5 or (high <= 1 and not np.isin(images, (0, 1)).all()):
        raise ValueError(
            f"The data's images reach from {low:.4g} to {high:.4g}, before normalisation: these are no 8-bit images, which "
            "reach from 0 to 255. Export with image_dtype='float32'."
        )
    return np.rint(images).clip(0, 255).astype("uint8")


def _own(data, normalised):
    """Images in the data's own units, of the dtype that they were computed in."""
    mean, std = units(data)
    return normalised if mean is None else normalised * std + mean


def _normalised(data, images):
    mean, std = units(data)
    images = images.astype("float32")
    return images if mean is None else (images - mean) / std


def units(data):
    """Mean and std of each channel, float32 arrays of one shape; (None, None) if images come as the model takes them.

    >>> import types
    >>> mean, std = units(types.SimpleNamespace(mean=(104.0, 117.0, 123.0), std=None))
    >>> std.tolist()
    [1.0, 1.0, 1.0]
    """
    mean, std = (getattr(data, name, None) for name in ("mean", "std"))
    if mean is None and std is None:
        return None, None
    mean, std = 0 if mean is None else mean, 1 if std is None else std
    return np.broadcast_arrays(np.asarray(mean, "float32"), np.asarray(std, "float32"))


def _random(data, input_shape, count, dtype):
    random = np.random.default_rng(0)
    if dtype == "uint8":
        return _normalised(data, random.integers(0, 256, (count, *input_shape)))
    return random.normal(size=(count, *input_shape)).astype("float32")


def _first(test, count):
    batches, taken = [], 0
    for images, *_ in test:
        batches.append(np.asarray(images, "float32"))
        taken += len(batches[-1])
        if taken >= count:
            break
    return np.concatenate(batches)[:count]
