"""Image files as an exported network takes them."""

import math
import pathlib

import numpy as np
import PIL.ExifTags
import PIL.Image
import PIL.ImageOps

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_LARGEST = 64_000_000  # pixels; larger ones are refused before memory is taken
_TURNED = range(2, 9)  # EXIF orientations but 1, which is upright
_SIXTEEN_BIT = ("PNG", "PPM")  # formats whose widest gray has 16 bits, even where Pillow gives it as 32


def read_picture(path, input_shape, dtype, white=None):
    """Reads an image file and makes it fit a network.

    Args:
        path: of a file that Pillow reads: PNG, JPEG, ...
        input_shape: (height, width, channels) of the network.
        dtype: of the network's images.
        white: for networks that take float32 images in units of their own: the number that stands for white there.

    Returns:
        (array of `input_shape` and `dtype`, what was done to fit it: "" or a phrase).

    Raises:
        ValueError: not an image, one that is far too large, or one whose white is not known; a network that takes no images,
            or that needs `white`; a `white` that is not a positive number, or that a network of uint8 images does not need.
        FileNotFoundError: no such file.
    """
    if len(input_shape) != 3 or input_shape[-1] not in _MODES:
        raise ValueError(f"The network takes inputs of shape {tuple(input_shape)}, which are no images.")
    _check_white(white, dtype)
    if not pathlib.Path(path).is_file():
        raise FileNotFoundError(f"No image file {path}.")
    height, width, channels = input_shape
    done = []
    try:
        with PIL.Image.open(path) as image:
            if image.width * image.height > _LARGEST:
                raise ValueError(f"{path} has {image.width} x {image.height} pixels, more than {_LARGEST:,} in all.")
            image = _eight_bit(_upright(image, done), image.format, path, done)
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


def _check_white(white, dtype):
    if dtype == np.uint8:
        if white is not None:
            raise ValueError(f"The network takes uint8 images, in which white is 255: leave out white, got {white:g}.")
    elif white is None:
        raise ValueError(
            "The network takes float32 images in the units of its own data: say what number white has there "
            "(--white=16 for digits, 1 for images in 0 to 1)."
        )
    elif not 0 < white < math.inf:
        raise ValueError(f"white must be a positive number, got {white:g}: what white is in the network's data.")


def _upright(image, done):
    """The image turned upright: files keep the pixels as the sensor lay, however the camera was held."""
    if image.getexif().get(PIL.ExifTags.Base.Orientation) not in _TURNED:
        return image
    done.append("turned upright as its EXIF data say")
    return PIL.ImageOps.exif_transpose(image)


def _eight_bit(image, format, path, done):
    """The image with 8 bits a channel; Pillow's own conversion would cut off values above 255."""
    sixteen = image.mode.startswith("I;16")
    if not sixteen and image.mode not in ("I", "F"):
        return image
    if not sixteen and not (image.mode == "I" and format in _SIXTEEN_BIT):
        raise ValueError(
            f"{path} holds gray values of 32 bits ({format}, mode {image.mode}), and it is not known which value is white. "
            "Save it with 8 or 16 bits."
        )
    done.append("scaled from 16 to 8 bits")
    return PIL.Image.fromarray(np.rint(np.asarray(image) / 257).astype("uint8"))
