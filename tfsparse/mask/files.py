"""Mask files: safetensors, boolean, keyed by weight path."""

import math
import pathlib

import numpy as np
import safetensors
from safetensors.numpy import save

from tfsparse.files import written_aside
from tfsparse.mask.mask import Mask

MAX_WEIGHTS = 1 << 33  # 8 GiB of booleans: above it a header is damaged, or not ours


def save_mask(mask, path):
    """Writes `mask` to `path`; the file appears under its name only when it is complete.

    Args:
        mask: a `Mask`.
        path: file name, by convention ending in `.safetensors`.

    Returns:
        `pathlib.Path` of the file.
    """
    path = pathlib.Path(path)
    with written_aside(path) as scratch:
        scratch.write_bytes(save(dict(mask.items()), metadata={k: str(v) for k, v in mask.metadata.items()}))
    return path


def load_mask(path):
    """Reads a mask file; sizes and types are checked before any array is read.

    Returns:
        `Mask`, with the file's metadata.

    Raises:
        FileNotFoundError: no such file.
        ValueError: damaged, or not a mask: entries that are not boolean or 0 and 1, unreasonable sizes.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"No mask file {str(path)!r}.")
    try:
        with safetensors.safe_open(path, framework="numpy") as content:
            total = 0
            for name in content.keys():  # noqa: SIM118 (not a dict)
                total += math.prod(content.get_slice(name).get_shape())
                if total > MAX_WEIGHTS:
                    raise ValueError(f"It claims more than {MAX_WEIGHTS:,} weights.")
            arrays = {name: _sound(name, content.get_tensor(name)) for name in content.keys()}  # noqa: SIM118
            return Mask(arrays, content.metadata())
    except (safetensors.SafetensorError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f"{str(path)!r} is not a readable mask file ({error}). Delete it and find the mask again, "
            "or restore it from where it came."
        ) from error


def _sound(name, array):
    """The array; a boolean is one byte, and a damaged file may hold others than 0 and 1 in it."""
    if array.dtype == bool and array.size and array.view(np.uint8).max() > 1:
        raise ValueError(f"Mask entry {name!r} holds values other than 0 and 1.")
    return array
