"""Mask files: safetensors, boolean, keyed by weight path."""

import hashlib
import json
import math
import pathlib

import numpy as np
import safetensors
from safetensors.numpy import save

from tfsparse.files import written_aside

CHECKSUM = "checksum"
START = "weights::"  # before the paths of weights that training shall start from
MAX_WEIGHTS = 1 << 33  # 8 GiB of booleans: above it a header is damaged, or not ours


def write(path, arrays, metadata, weights=None):
    """Writes a mask to `path`; the file appears under its name only when it is complete.

    Args:
        path: file name, by convention ending in `.safetensors`.
        arrays: weight path -> boolean array.
        metadata: strings to anything that `str` can show.
        weights: weight path -> array that training shall start from, or None.

    Returns:
        `pathlib.Path` of the file.
    """
    path = pathlib.Path(path)
    arrays = {**arrays, **{START + name: array for name, array in (weights or {}).items()}}
    metadata = {key: str(value) for key, value in metadata.items()}
    metadata[CHECKSUM] = _checksum(arrays, metadata)
    with written_aside(path) as scratch:
        scratch.write_bytes(save(arrays, metadata=metadata))
    return path


def read(path):
    """Reads a mask file; sizes are checked before any array is read.

    Returns:
        (dict from weight path to array, dict of metadata, dict of start weights or None).

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
            metadata = content.metadata() or {}
            if metadata.pop(CHECKSUM, None) not in (None, _checksum(arrays, metadata)):
                raise ValueError("Its checksum is not that of its content.")
            weights = {name.removeprefix(START): arrays.pop(name) for name in list(arrays) if name.startswith(START)}
            return arrays, metadata, weights or None
    except (safetensors.SafetensorError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise unreadable(path, error) from error


def _checksum(arrays, metadata):
    """Of all that a mask file says; a flipped bit in a mask could not be told otherwise."""
    digest = hashlib.sha256(json.dumps(sorted(metadata.items())).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()


def unreadable(path, error):
    """The error to raise for a file that holds no mask."""
    return ValueError(
        f"{str(path)!r} is not a readable mask file ({error}). Delete it and find the mask again, "
        "or restore it from where it came."
    )


def _sound(name, array):
    """The array; a boolean is one byte, and a damaged file may hold others than 0 and 1 in it."""
    if name.startswith(START) and not np.isfinite(array).all():
        raise ValueError(f"Start weight {name!r} holds NaN or infinity.")
    if array.dtype == bool and array.size and array.view(np.uint8).max() > 1:
        raise ValueError(f"Mask entry {name!r} holds values other than 0 and 1.")
    return array
