"""Mask files: safetensors, boolean, keyed by weight path."""

import pathlib

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
            names = list(content.keys())
            total = 0
            for name in names:
                entry = content.get_slice(name)
                size = 1
                for length in entry.get_shape():
                    size *= length
                total += size
                if total > MAX_WEIGHTS:
                    raise ValueError(f"{path} claims more than {MAX_WEIGHTS:,} weights.")
            return Mask({name: content.get_tensor(name) for name in names}, content.metadata())
    except (safetensors.SafetensorError, TypeError, KeyError) as error:
        raise ValueError(
            f"{str(path)!r} is not a readable mask file ({error}). Delete it and find the mask again, "
            "or restore it from where it came."
        ) from error
