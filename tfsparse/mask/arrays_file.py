"""Arrays from foreign files, `.npz` and `.safetensors`: sizes and types are checked before memory is allocated."""

import io
import math
import pathlib
import re
import warnings
import zipfile

import numpy as np

from tfsparse.mask.files import check_booleans, read_tensors

PICKLED = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".tar")
_KINDS = "biuf"
_MOST_ARRAYS = 100_000
_MOST_HEADER = 1 << 14  # bytes; numpy's own limit is 10,000
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what numpy writes; others take memory of their own
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def refuse_pickle(path):
    """Raises ValueError if a file's name ends as those of PyTorch's pickles do."""
    if pathlib.Path(path).suffix.lower() in PICKLED:
        raise ValueError(
            f"{path} is a pickle, or may be one: a program, which is not run here. Save its tensors in PyTorch: "
            "safetensors.torch.save_file({k: v.contiguous() for k, v in state_dict.items()}, 'mask.safetensors')."
        )


def read_arrays(path, most):
    """The arrays of a file by name, in the order of the file. Safetensors have no order: theirs are sorted by name, with
    numbers compared as numbers.

    Args:
        path: `.npz` or `.safetensors` file.
        most: bytes that all arrays may take together.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another kind of file, damaged, too large, or with entries other than numbers.

    >>> import tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "mask.npz"
    >>> np.savez(path, second=[1, 0], first=[1])
    >>> list(read_arrays(path, most=1000))
    ['second', 'first']
    """
    path = pathlib.Path(path)
    refuse_pickle(path)
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        raise ValueError(f"{path}: masks are read from .safetensors and .npz files, not from {suffix or 'others'!r}.")
    if not path.is_file():
        raise FileNotFoundError(f"No mask file {str(path)!r}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # parsers warn of damaged headers
            return _READERS[suffix](path, most)
    except Exception as error:  # the parsers of zip files, of numpy and of Python's literals raise all kinds of errors
        message = str(error) or type(error).__name__  # some quote half the file
        raise ValueError(
            f"{path} is not a readable file of arrays ({message[:200]}). "
            "Save it again, or restore it from where it came."
        ) from error


def _read_npz(path, most):
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > _MOST_ARRAYS:
            raise ValueError(f"it holds {len(members):,} entries")
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name in arrays:
                raise ValueError(f"it holds {name!r} twice")
            if member.flag_bits & 1 or member.compress_type not in _COMPRESSIONS:
                raise ValueError(f"{name!r} is encrypted, or compressed in a way that numpy does not use")
            arrays[name] = _read_npy(archive, member, name, most)
            most -= arrays[name].nbytes
    return arrays


def _read_npy(archive, member, name, most):
    with archive.open(member) as stream:
        # A bounded copy, not the stream: a header may claim a length of gigabytes.
        start = io.BytesIO(stream.read(_MOST_HEADER))
    version = np.lib.format.read_magic(start)
    if version not in _HEADERS:
        raise ValueError(f"{name!r} has the unknown format {version}")
    shape, by_columns, dtype = _HEADERS[version](start)
    if dtype.kind not in _KINDS:
        raise ValueError(f"{name!r} holds no numbers but {dtype}")
    size = math.prod(shape) * dtype.itemsize
    if any(length < 0 for length in shape) or size > most:
        raise ValueError(f"{name!r} claims the shape {shape} of {dtype}, more than is plausible for such a model")
    if member.file_size != start.tell() + size:
        raise ValueError(f"{name!r} claims {size:,} bytes and has {member.file_size - start.tell():,}")
    with archive.open(member) as stream:
        stream.read(start.tell())
        content = stream.read(size)  # checks the archive's checksum as well
    array = np.frombuffer(content, dtype)
    return check_booleans(name, array).reshape(shape, order="F" if by_columns else "C")


def _read_safetensors(path, most):
    arrays, _ = read_tensors(path, most)
    return {name: arrays[name] for name in sorted(arrays, key=_by_numbers)}


def _by_numbers(name):
    return [int(part) if odd % 2 else part for odd, part in enumerate(re.split(r"(\d+)", name))]


_READERS = {".npz": _read_npz, ".safetensors": _read_safetensors}
