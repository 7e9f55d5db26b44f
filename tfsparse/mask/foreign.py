"""Which entries of a foreign file are masks."""

import json
import pathlib

import numpy as np

_SUFFIX = "_mask"  # `weight_mask`, `bias_mask`: Synaptic Flow and torch.nn.utils.prune


def kernels(arrays, layouts, table=None):
    """The entries that are masks of kernels.

    If some names end in `_mask`, only those count; with a table, those in it. Entries with fewer than two axes (biases,
    norms, counters) are left out, and so are scales of channels, (channels, 1, 1), which Synaptic Flow puts on its
    shortcuts. Entries with values other than 0 and 1 are taken as weights, which live where they are not 0.

    Args:
        arrays: name -> array.
        layouts: path -> `Layout` of the model's weights.
        table: names that count, or None.

    Returns:
        (name -> boolean array, names left out, names of masks left out whose zeros would prune something).

    >>> arrays = {"fc.weight": np.eye(2), "fc.weight_mask": np.ones((2, 2)), "fc.bias_mask": np.array([1, 0])}
    >>> kernels(arrays, {})[1:]
    (['fc.weight', 'fc.bias_mask'], ['fc.bias_mask'])

    Raises:
        ValueError: there is no kernel's entry, or weights without a zero, or NaN, or a mask with values other than 0 and 1.
    """
    masked = {name: array for name, array in arrays.items() if name.endswith(_SUFFIX)} or arrays
    masked = masked if table is None else {name: arrays[name] for name in table}
    shapes = {shape for layout in layouts.values() for shape in (layout.torch_shape, layout.shape)}
    found = {n: array for n, array in masked.items() if array.ndim > 1 and not _is_scale(array.shape, shapes)}
    if not found:
        raise ValueError(f"holds no array of two or more axes among {_few(masked)}: no kernel's mask.")
    lost = [name for name in masked if name.endswith(_SUFFIX) and name not in found and not masked[name].all()]
    for name, array in found.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"holds NaN or infinity in {name!r}.")
    others = [name for name, array in found.items() if not ((array == 0) | (array == 1)).all()]
    if others:
        _check_weights(found, others)
    return {name: array != 0 for name, array in found.items()}, [name for name in arrays if name not in found], lost


def _is_scale(shape, shapes):
    """Whether this is (channels, 1, 1) or (1, channels, 1, 1), and not a kernel of the model that happens to be so shaped."""
    return shape not in shapes and (shape[1:] == (1, 1) or (shape[0], shape[2:]) == (1, (1, 1)))


def _check_weights(found, others):
    for name in others:
        # Hardly any weight of a network is exactly 1, so this is a mask that something has changed.
        if name.endswith(_SUFFIX) or np.count_nonzero(found[name] == 1) > 0.5 * np.count_nonzero(found[name]):
            raise ValueError(f"holds values other than 0 and 1 in {name!r}, a mask.")
    if all(array.all() for array in found.values()):
        raise ValueError("holds weights none of which is 0: it is neither a mask nor a masked network.")


def read_table(names, arrays, known):
    """The table of names as a dict; None stays None.

    Args:
        names: dict from names in the file to weight paths, or a JSON file of one, or None.
        arrays: the file's, by name.
        known: the weights, by path.

    Raises:
        FileNotFoundError: no such JSON file.
        ValueError: not JSON, no table of strings, or names what is not there.
    """
    if names is None:
        return None
    names = names if isinstance(names, dict) else load_table(names)
    for name, path in names.items():
        if name not in arrays:
            raise ValueError(
                f"has no entry {name!r}, which the table of names gives to {path!r}: it has {_few(arrays)}."
            )
        if path not in known:
            raise ValueError(f"cannot give {name!r} to {path!r}: the model has no such weight, but {_few(known)}.")
        if list(names.values()).count(path) > 1:
            raise ValueError(f"cannot be read by a table of names that gives {path!r} several entries.")
    return names


def load_table(path):
    """The table of names, {name in the file: weight path}, of a JSON file.

    >>> import tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "names.json"
    >>> _ = path.write_text('{"fc.weight": "head/kernel"}')
    >>> load_table(path)
    {'fc.weight': 'head/kernel'}

    Raises:
        FileNotFoundError: no such file.
        ValueError: not JSON, or no table of strings.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"No table of names {str(path)!r}: a JSON file, {{name: weight path}}.")
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"needs a table of names in JSON; {path} holds none ({error}).") from error
    if not isinstance(names, dict) or not all(isinstance(one, str) for one in names.values()):
        raise ValueError(f"needs a table of names; {path} is no {{name: weight path}}.")
    return names


def _few(names):
    return ", ".join(list(names)[:4]) + (f", ... ({len(names)} in all)" if len(names) > 4 else "")
