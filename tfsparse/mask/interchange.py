"""Masks from PyTorch, and for it."""

import json
import logging
import pathlib

import numpy as np
from safetensors.numpy import save

from tfsparse.files import written_aside
from tfsparse.mask.arrays_file import read_arrays
from tfsparse.mask.layouts import layouts
from tfsparse.mask.mask import Mask
from tfsparse.mask.matching import kernels, match, torch_name

log = logging.getLogger(__name__)


def import_mask(path, model, *, names=None):
    """Reads a mask that was made elsewhere: a `.safetensors` or `.npz` file of tensors in PyTorch's layouts.

    Takes masks (0 and 1), whole state dicts with masks in them (`weight_mask`), and weights that are 0 where they are pruned,
    as the code of ToST, Synaptic Flow and torch.nn.utils.prune has them. Entries find their weights by name, else in order
    and by shape. Kernels are transposed; the inputs of a dense layer after a `Flatten` are put into Keras' order. Weights that
    the file does not name are outside the mask: they stay dense. What was done is logged, and kept in the mask's metadata.

    Args:
        path: file.
        model: built tf_keras model.
        names: dict from the file's names to weight paths, or a JSON file that holds one; None: see above.

    Returns:
        `Mask`.

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
    arrays = read_arrays(path, 8 * model.count_params() + 1_000_000)
    try:
        entries, left_out = kernels(arrays)
        rows = match(entries, known, _table(names, entries, known))
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error
    found = {place: known[place].from_torch(entries[n]) if torch else entries[n] for n, place, torch in rows}
    report = [
        {"entry": name, "shape": list(entries[name].shape), "weight": place, "how": _how(known[place], torch)}
        for name, place, torch in rows
    ]
    for row in report:
        log.info("%(entry)s %(shape)s -> %(weight)s (%(how)s)", row)
    dense = [place for place in known if place not in found]
    for text, listed in (("left out (no kernels' masks)", left_out), ("not in the file, dense", dense)):
        if listed:
            log.info("%s: %s", text, ", ".join(listed))
    ordered = {place: found[place] for place in known if place in found}
    return Mask(ordered, {"method": "imported", "file": path.name, "entries": json.dumps(report)})


def export_mask(mask, model, path, *, names=None):
    """Writes a mask for PyTorch: booleans in its layouts, named like `stage1.block0.conv1.weight`.

    Args:
        mask: `Mask`.
        model: built tf_keras model that it fits.
        path: `.safetensors` or `.npz` file; appears when it is complete.
        names: dict from weight paths to the names wanted; None: as above.

    Returns:
        `pathlib.Path` of the file.

    Raises:
        ValueError: another kind of file, or the mask does not fit.
    """
    path, known = pathlib.Path(path), layouts(model)
    if path.suffix not in (".safetensors", ".npz"):
        raise ValueError(f"{path}: masks are written as .safetensors or .npz.")
    mask.check(model)
    arrays = {(names or {}).get(place, torch_name(place)): known[place].to_torch(mask[place]) for place in mask}
    with written_aside(path) as scratch:
        if path.suffix == ".npz":
            with open(scratch, "wb") as out:
                np.savez_compressed(out, **arrays)
        else:
            scratch.write_bytes(save(arrays))
    return path


def _table(names, entries, known):
    if names is None:
        return None
    if not isinstance(names, dict):
        names = json.loads(pathlib.Path(names).read_text(encoding="utf-8"))
    for name, place in names.items():
        if name not in entries or place not in known:
            wrong = f"an array of the file ({', '.join(list(entries)[:3])}, ...)" if name not in entries else "a weight"
            raise ValueError(
                f"does not go with the table of names: {name!r} -> {place!r} names no {wrong.removeprefix('a')}."
            )
    return names


def _how(layout, torch):
    if not torch:
        return "as it is"
    return "transposed, inputs reordered after Flatten" if layout.image else "transposed"
