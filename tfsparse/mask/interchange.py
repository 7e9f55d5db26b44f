"""Masks from PyTorch, and for it."""

import json
import logging
import pathlib
import zipfile
from collections import Counter

import numpy as np
from safetensors.numpy import save

from tfsparse.files import written_aside
from tfsparse.mask.arrays_file import read_arrays
from tfsparse.mask.files import MAX_BYTES
from tfsparse.mask.foreign import kernels, read_table
from tfsparse.mask.layouts import layouts
from tfsparse.mask.mask import Mask
from tfsparse.mask.matching import match, torch_name

log = logging.getLogger(__name__)


def import_mask(path, model, *, names=None):
    """Reads a mask that was made elsewhere: a `.safetensors` or `.npz` file of tensors in PyTorch's layouts.

    Takes masks (0 and 1), whole state dicts with masks in them (`weight_mask`), and weights that are 0 where they are pruned,
    as the code of ToST, Synaptic Flow and torch.nn.utils.prune has them. Entries are matched to weights by name, else in order
    and by shape. Kernels are transposed (a file in Keras' own layout is recognised by its shapes); the inputs of a dense layer
    after a `Flatten` are put into Keras' order (where the graph hides whether they were flattened, a warning says so). Biases
    and norms, which masks do not cover, are left out; weights that are not in the file are outside the mask and stay
    dense. All this is logged, and kept in the mask's metadata.

    Args:
        path: file.
        model: built tf_keras model.
        names: dict from names in the file to weight paths, or a JSON file that holds one; only its entries count. None:
            matched as above.

    Returns:
        `Mask`. Its metadata `entries` and `left_out` are JSON.

    >>> import tempfile, tf_keras as keras
    >>> model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,), name="head")])
    >>> mask = Mask({"head/kernel": np.eye(3, 2)})
    >>> path = export_mask(mask, model, pathlib.Path(tempfile.mkdtemp()) / "mask.npz")
    >>> np.load(path)["head.weight"].shape, import_mask(path, model) == mask
    ((2, 3), True)

    Raises:
        FileNotFoundError: no such file.
        ValueError: damaged, a pickle, or something that fits no weight of the model.
    """
    path, known = pathlib.Path(path), layouts(model)
    # A state dict with weights, masks and scores in double precision takes 24 bytes a weight.
    arrays = read_arrays(path, min(64 * model.count_params() + (1 << 20), MAX_BYTES))
    try:
        table = read_table(names, arrays, known)
        entries, left_out, lost = kernels(arrays, known, table)
        rows = match(entries, known, table)
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error
    found = {
        row.path: known[row.path].from_torch(entries[row.entry]) if row.torch else entries[row.entry] for row in rows
    }
    report = [_line(row, entries[row.entry].shape, known[row.path]) for row in rows]
    _log(report, left_out, lost, [place for place in known if place not in found])
    _warn_of_unseen([row.path for row in rows if row.torch and known[row.path].unseen])
    ordered = {place: found[place] for place in known if place in found}
    metadata = {"entries": json.dumps(report), "left_out": json.dumps(left_out)}
    return Mask(ordered, {"method": "imported", "imported": path.name, **metadata})


def export_mask(mask, model, path, *, names=None):
    """Writes a mask for PyTorch: booleans in its layouts, named like `stage1.block0.conv1.weight`.

    Args:
        mask: `Mask`.
        model: built tf_keras model that it fits.
        path: `.safetensors` or `.npz` file; it appears only when it is complete.
        names: dict from weight paths to the names wanted; weights that are not in it (None: all) are named as above.

    Returns:
        `pathlib.Path` of the file.

    Raises:
        ValueError: another kind of file, the mask does not fit, or two entries would have one name.
    """
    path, known, names = pathlib.Path(path), layouts(model), names or {}
    if path.suffix not in (".safetensors", ".npz"):
        raise ValueError(f"{path}: masks are written as .safetensors or .npz.")
    mask.check(model)
    _warn_of_unseen([place for place in mask if known[place].unseen])
    for place in names:
        if place not in mask:
            raise ValueError(f"The table of names has {place!r}, which the mask does not cover.")
    # In the order of the model: a mask that was read from a file is in the order of its names.
    targets = {place: names.get(place, torch_name(place)) for place in known if place in mask}
    twice = [name for name, count in Counter(targets.values()).items() if count > 1]
    if twice:
        raise ValueError(f"{path} would hold {twice[0]!r} twice. Pass names={{weight path: name}}, all different.")
    arrays = {name: known[place].to_torch(mask[place]) for place, name in targets.items()}
    with written_aside(path) as scratch:
        if path.suffix == ".npz":
            _write_npz(scratch, arrays)
        else:
            scratch.write_bytes(save(arrays))
    return path


def _write_npz(path, arrays):
    """Writes what `np.savez_compressed` would, which appends a suffix of its own and takes no array named `file`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _warn_of_unseen(dense):
    if dense:
        log.warning(
            "It is not seen whether %s read flattened images: their inputs keep the order that they have. PyTorch flattens "
            "(channels, height, width), Keras (height, width, channels).",
            ", ".join(dense),
        )


def _line(row, shape, layout):
    return {
        "entry": row.entry,
        "shape": list(shape),
        "weight": row.path,
        "to": list(layout.shape),
        "how": layout.how if row.torch else "as it is",
        "found": row.found,
    }


def _log(report, left_out, lost, dense):
    for line in report:
        log.info("%(entry)s %(shape)s -> %(weight)s %(to)s (%(how)s; found %(found)s)", line)
    if left_out:
        log.info("Left out, because they are not masks of kernels: %s", ", ".join(left_out))
    if lost:
        log.warning("Pruned there and dense here, where masks are for kernels only: %s", ", ".join(lost))
    if dense:
        log.info("Not in the file, so they stay dense: %s", ", ".join(dense))
