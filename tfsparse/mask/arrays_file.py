"""Arrays from files of others, `.npz` and `.safetensors`: sizes and types are checked before memory is taken."""

import math
import pathlib
import re
import tokenize
import zipfile
import zlib

import numpy as np
import safetensors

_KINDS = "biuf"
_PICKLED = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".tar")


def read_arrays(path, most):
    """The arrays of a file by name, in the order of the file; safetensors keep none, so theirs is that of the names, numbers in
    them compared as numbers.

    Args:
        path: `.npz` or `.safetensors` file.
        most: numbers that all arrays may hold together.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another kind of file, damaged, of more or other things than numbers.
    """
    path = pathlib.Path(path)
    if path.suffix in _PICKLED:
        raise ValueError(
            f"{path} is a pickle: a program, which is not run here. Save its tensors: safetensors.torch.save_file("
            "{name: tensor.contiguous() for name, tensor in state_dict.items()}, 'mask.safetensors')."
        )
    if path.suffix not in _READERS:
        raise ValueError(
            f"{path}: masks are read from .safetensors and .npz files, not from {path.suffix or 'others'!r}."
        )
    if not path.is_file():
        raise FileNotFoundError(f"No mask file {str(path)!r}.")
    try:
        return _READERS[path.suffix](path, most)
    except (
        *(ValueError, TypeError, KeyError, AttributeError, EOFError, OSError, OverflowError, SyntaxError, RuntimeError),
        *(NotImplementedError, RecursionError, MemoryError, tokenize.TokenError),
        *(zipfile.BadZipFile, zlib.error, safetensors.SafetensorError),
    ) as error:
        raise ValueError(f"{path} is not a readable file of arrays ({error}).") from error


def _read_npz(path, most):
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if name in arrays:
                raise ValueError(f"It holds {name!r} twice.")
            with archive.open(member) as stream:
                arrays[name] = _read_npy(stream, name, member.file_size, most)
            most -= arrays[name].size
    return arrays


def _read_npy(stream, name, length, most):
    version = np.lib.format.read_magic(stream)
    headers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in headers:
        raise ValueError(f"{name!r} has the unknown format {version}.")
    shape, by_columns, dtype = headers[version](stream)
    _check(name, shape, dtype.kind, most)
    size = math.prod(shape) * dtype.itemsize
    if length - stream.tell() != size:
        raise ValueError(f"{name!r} claims {size:,} bytes and has {length - stream.tell():,}.")
    array = np.frombuffer(stream.read(size), dtype)
    if stream.read(1) or array.size != math.prod(shape):
        raise ValueError(f"{name!r} is not as long as it claims.")
    return array.reshape(shape, order="F" if by_columns else "C")


def _read_safetensors(path, most):
    arrays = {}
    with safetensors.safe_open(path, framework="numpy") as content:
        for name in sorted(content.keys(), key=_by_numbers):
            _check(name, content.get_slice(name).get_shape(), "f", most)
            arrays[name] = content.get_tensor(name)
            most -= arrays[name].size
    return arrays


def _check(name, shape, kind, most):
    if kind not in _KINDS:
        raise ValueError(f"{name!r} holds no numbers.")
    if any(length < 0 for length in shape) or math.prod(shape) > most:
        raise ValueError(f"{name!r} claims the shape {tuple(shape)}, more than such a model has.")


def _by_numbers(name):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


_READERS = {".npz": _read_npz, ".safetensors": _read_safetensors}
