"""Image files as an exported network takes them."""

import pathlib

import numpy as np
import PIL.Image

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_LARGEST = 64_000_000  # pixels; larger ones are refused before memory is taken


def read_picture(path, input_shape, dtype, white=None):
    """Reads an image file, made to fit.

    Args:
        path: of a file that Pillow reads: PNG, JPEG, ...
        input_shape: (height, width, channels) of the network.
        dtype: of the network's images.
        white: for networks of float32 images, which are in units of their own: the number that white has there.

    Returns:
        (array of `input_shape` and `dtype`, what was done to fit it: "" or a phrase).

    Raises:
        ValueError: no image, or one that is far too large; a network that takes no images, or whose white is not known.
        FileNotFoundError: no such file.
    """
    if len(input_shape) != 3 or input_shape[-1] not in _MODES:
        raise ValueError(f"The network takes inputs of shape {tuple(input_shape)}, which are no images.")
    if dtype != np.uint8 and white is None:
        raise ValueError(
            "The network takes float32 images in the units of its own data: say what number white has there "
            "(--white=16 for digits, 1 for images in 0 to 1)."
        )
    if not pathlib.Path(path).is_file():
        raise FileNotFoundError(f"No image file {path}.")
    height, width, channels = input_shape
    done = []
    try:
        with PIL.Image.open(path) as image:
            if image.width * image.height > _LARGEST:
                raise ValueError(f"{path} has {image.width} x {image.height} pixels, more than {_LARGEST:,} in all.")
            if image.mode != _MODES[channels]:
                done.append(f"turned from {image.mode} to {_MODES[channels]}")
                image = image.convert(_MODES[channels])
            if image.size != (width, height):
                done.append(f"resized from {image.width}x{image.height} to {width}x{height}, bilinear")
                image = image.resize((width, height), PIL.Image.Resampling.BILINEAR)
            array = np.asarray(image)
    except (OSError, SyntaxError, PIL.Image.DecompressionBombError) as error:
        raise ValueError(f"{path} cannot be read as an image: {error}.") from error
    if dtype != np.uint8:
        array = array.astype("float32") * (white / 255)
    return array.reshape(input_shape).astype(dtype), "; ".join(done)
