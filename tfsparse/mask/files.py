"""Mask files: safetensors, boolean, keyed by weight path, with a checksum."""

import hashlib
import json
import math
import pathlib
import re

import numpy as np
import safetensors
from safetensors.numpy import save

from tfsparse.files import written_aside

CHECKSUM = "checksum"
START = "weights::"  # before the paths of weights that training is to start from
MAX_BYTES = 1 << 33  # 8 GiB, or as many booleans: a header that claims more is damaged, or not ours

SIZES = {"BOOL": 1, "U8": 1, "I8": 1, "U16": 2, "I16": 2, "F16": 2, "U32": 4, "I32": 4, "F32": 4}
SIZES |= {"U64": 8, "I64": 8, "F64": 8}  # bytes per number, for the safetensors types that numpy has


def write(path, arrays, metadata, weights=None):
    """Writes a mask to `path`; the file appears under its name only when it is complete. The same mask gives the same bytes.

    Args:
        path: file name, by convention ending in `.safetensors`.
        arrays: weight path -> boolean array.
        metadata: strings to anything that `str` can show.
        weights: weight path -> array that training is to start from, or None.

    Returns:
        `pathlib.Path` of the file.
    """
    path = pathlib.Path(path)
    arrays = with_start(arrays, weights)
    metadata = {key: str(value) for key, value in metadata.items()}
    metadata[CHECKSUM] = checksum(arrays, metadata)
    with written_aside(path) as scratch:
        scratch.write_bytes(_in_order(save(arrays, metadata=metadata)))
    return path


def read(path):
    """Reads a mask file; sizes are checked before any array is read. Files from before there were checksums are read, too.

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
        arrays, metadata = read_tensors(path, MAX_BYTES)
        _verify(arrays, metadata)
    except ValueError as error:
        raise unreadable(path, error) from error
    metadata.pop(CHECKSUM, None)
    weights = {name.removeprefix(START): arrays.pop(name) for name in list(arrays) if name.startswith(START)}
    return arrays, metadata, weights or None


def read_tensors(path, most):
    """The arrays and the metadata of a safetensors file; all that its header claims is checked before an array is read.

    Args:
        path: file.
        most: bytes that all arrays may take together.

    Raises:
        ValueError: damaged, too large, or of types that numpy lacks.
    """
    try:
        with safetensors.safe_open(path, framework="numpy") as content:
            names, total = list(content.keys()), 0
            for name in names:
                part = content.get_slice(name)
                if part.get_dtype() not in SIZES:
                    raise ValueError(f"{name!r} is of type {part.get_dtype()}; save it as float32 or bool")
                total += math.prod(part.get_shape()) * SIZES[part.get_dtype()]
            if total > most:
                raise ValueError(f"it claims more than {most:,} bytes")
            arrays = {name: check_booleans(name, content.get_tensor(name)) for name in names}
            return arrays, content.metadata() or {}
    except (safetensors.SafetensorError, TypeError, KeyError, AttributeError, OverflowError, OSError) as error:
        raise ValueError(str(error)) from error


def unreadable(path, error):
    """The error to raise for a file that holds no mask."""
    return ValueError(
        f"{str(path)!r} is not a readable mask file ({error}). One that is damaged must be restored, or found again; one that "
        "was made elsewhere is read by import_mask(path, model), or by scripts/convert_mask.py."
    )


def with_start(arrays, weights):
    """The arrays of a mask and the weights that training is to start from (or None), as a file holds them."""
    return {**arrays, **{START + name: array for name, array in (weights or {}).items()}}


def checksum(arrays, metadata):
    """The checksum of all that a mask file says; without it, a flipped bit in a mask would go unnoticed."""
    digest = hashlib.sha256(json.dumps(sorted(metadata.items())).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()


def _verify(arrays, metadata):
    """Raises ValueError if there is a checksum that is wrong, or one that stands under another name because of damage."""
    rest = {key: value for key, value in metadata.items() if key != CHECKSUM}
    if CHECKSUM in metadata and metadata[CHECKSUM] != checksum(arrays, rest):
        raise ValueError("its checksum does not match its content")
    if CHECKSUM not in metadata and any(re.fullmatch("[0-9a-f]{64}", value) for value in rest.values()):
        raise ValueError("its checksum has lost its name")


def _in_order(content):
    """A safetensors file with its metadata sorted: the library writes them in another order each time."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header = {"__metadata__": dict(sorted(header.pop("__metadata__").items())), **header}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # arrays begin at multiples of 8
    return len(text).to_bytes(8, "little") + text + content[end:]


def check_booleans(name, array):
    """The array, checked: a boolean is one byte, which in a damaged file may be other than 0 and 1."""
    if array.dtype == bool and array.size and array.view(np.uint8).max() > 1:
        raise ValueError(f"{name!r} holds values other than 0 and 1")
    return array
