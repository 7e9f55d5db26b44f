"""Which entry of a foreign file is the mask of which weight."""

import numpy as np


def kernels(arrays):
    """The entries that are masks of kernels, name -> boolean array, and the names of those left out.

    If names end in `_mask` (`weight_mask`: Synaptic Flow, torch.nn.utils.prune), only those count. What has fewer than two
    axes (biases, norms) is left out. Entries that are not 0 and 1 are weights: they live where they are not 0.

    Raises:
        ValueError: there is nothing, or weights without a zero, or NaN.
    """
    masked = {name: array for name, array in arrays.items() if name.endswith("_mask")} or arrays
    found = {name: array for name, array in masked.items() if array.ndim > 1}
    if not found:
        raise ValueError("holds no array of two or more axes: no kernel's mask.")
    for name, array in found.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"holds NaN or infinity in {name!r}.")
    are_masks = all(array.dtype == bool or np.isin(array, (0, 1)).all() for array in found.values())
    if not are_masks and all(array.all() for array in found.values()):
        raise ValueError("holds weights none of which is 0: it is no mask, and no masked network.")
    return {name: array != 0 for name, array in found.items()}, [name for name in arrays if name not in found]


def match(entries, layouts, names=None):
    """Finds a weight for every entry: by an explicit table, by name, or in order and by shape.

    Args:
        entries: name -> boolean array.
        layouts: path -> `Layout`.
        names: name -> path, or None.

    Returns:
        List of (name, path, whether it is in PyTorch's layout).

    Raises:
        ValueError: an entry that fits no weight.
    """
    problems = []
    for torch in (True, False):
        shapes = {path: layout.torch_shape if torch else layout.shape for path, layout in layouts.items()}
        try:
            return [(name, path, torch) for name, path in _match(entries, shapes, names)]
        except ValueError as error:
            problems.append(error)
    raise problems[0]


def _match(entries, shapes, names):
    by_name = names or _equal_names(entries, shapes)
    free, rows = dict(shapes), []
    for name, array in entries.items():
        if by_name:
            fits = [by_name[name]] if by_name.get(name) in free else []
            fits = [path for path in fits if free[path] == array.shape]
        else:
            fits = [path for path, shape in free.items() if shape == array.shape]
        if not fits:
            wanted = by_name.get(name) if by_name else None
            seen = {wanted: shapes[wanted]} if wanted in shapes else free
            listed = ", ".join(f"{path} {shape}" for path, shape in list(seen.items())[:4])
            raise ValueError(f"holds {name!r} of shape {array.shape}, which fits none of the weights left: {listed}.")
        rows.append((name, fits[0]))
        del free[fits[0]]
    return rows


def _equal_names(entries, shapes):
    """name -> path if every entry has the name of a weight, as it is here or as `export_mask` writes it; else None."""
    known = {torch_name(path): path for path in shapes} | {path: path for path in shapes}
    plain = {name: name.removesuffix("_mask") for name in entries}
    return {name: known[own] for name, own in plain.items()} if all(own in known for own in plain.values()) else None


def torch_name(path):
    """The name that a weight has in PyTorch's manner.

    >>> torch_name("stage1/block0/conv1/kernel")
    'stage1.block0.conv1.weight'
    """
    *layers, weight = path.split("/")
    return ".".join([*layers, weight.replace("kernel", "weight")])
