"""Recognises, checks and reads mask files: ours, and PyTorch's."""

import os
import pathlib

from tfsparse.mask.arrays_file import PICKLED, refuse_pickle
from tfsparse.mask.interchange import import_mask
from tfsparse.mask.mask import Mask

_OURS, _PYTORCH = ".safetensors", ".npz"


def is_mask_file(thing):
    """Whether `thing` is the path of a mask file and not, say, the name of a method: by its type, or by how it ends. (Pickles
    count too; they are refused when they are read.)

    >>> [is_mask_file(thing) for thing in ("masks/mine.npz", pathlib.Path("mine"), "snip(batches=4)", None)]
    [True, True, False, False]
    """
    return isinstance(thing, os.PathLike) or str(thing).endswith((_OURS, _PYTORCH, *PICKLED))


def check_mask_file(path):
    """Raises FileNotFoundError if there is no such file, ValueError if it is damaged. For PyTorch's,
    which needs a model to be read, only the existence is checked."""
    path = pathlib.Path(path)
    refuse_pickle(path)
    if path.suffix != _PYTORCH:
        Mask.load(path)
    elif not path.is_file():
        raise FileNotFoundError(f"No mask file {str(path)!r}.")


def read_mask_file(path, model):
    """The `Mask` of a file; `.npz` files are taken as PyTorch's, and converted to the layout of `model`.

    Raises:
        FileNotFoundError: no such file. ValueError: damaged, or not a mask.
    """
    path = pathlib.Path(path)
    refuse_pickle(path)
    return import_mask(path, model) if path.suffix == _PYTORCH else Mask.load(path)
