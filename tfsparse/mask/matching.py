"""Which entry of a foreign file is the mask of which weight."""

import dataclasses
import logging
from collections import Counter

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Match:
    """One entry and its weight.

    Args:
        entry: name in the file.
        path: of the weight.
        torch: whether the entry is in PyTorch's layout.
        found: "by table", "by name" or "in order".
    """

    entry: str
    path: str
    torch: bool
    found: str


def match(entries, layouts, table=None):
    """Finds a weight for every entry: by an explicit table, else by name, else in order and by shape.

    All entries are taken to be in PyTorch's layout if they fit it, else all in Keras' layout. Where all names are weight
    paths, as in our own mask files, Keras' layout is tried first.

    Args:
        entries: name -> array.
        layouts: path -> `Layout`.
        table: name -> path for every entry, or None.

    Returns:
        List of `Match`.

    Raises:
        ValueError: an entry that fits no weight.
    """
    named, found = (table, "by table") if table else (_equal_names(entries, layouts), "by name")
    problems = {}
    for torch in (False, True) if all(name in layouts for name in entries) else (True, False):
        shapes = {path: layout.torch_shape if torch else layout.shape for path, layout in layouts.items()}
        try:
            pairs = _by_name(entries, shapes, named)
            rest = {name: array.shape for name, array in entries.items() if name not in pairs}
            free = {path: shape for path, shape in shapes.items() if path not in pairs.values()}
            pairs |= _in_order(rest, free)
            return [Match(n, pairs[n], torch, found if n in named else "in order") for n in entries]
        except ValueError as error:
            problems[torch] = error
    raise problems[True]  # the message lists shapes in PyTorch's layout


def _by_name(entries, shapes, named):
    for name, path in named.items():
        if entries[name].shape != shapes[path]:
            raise ValueError(_misfit(name, entries[name].shape, {path: shapes[path]}))
    return dict(named)


def _in_order(entries, free):
    """name -> path: the next weight of the same shape, if file and model have one order; else the first that is unused."""
    several = [shape for shape, count in Counter(entries.values()).items() if count < list(free.values()).count(shape)]
    try:
        pairs, after = {}, iter(free.items())
        for name, shape in entries.items():
            pairs[name] = next(path for path, other in after if other == shape)
    except StopIteration:
        pairs, left = {}, dict(free)
        for name, shape in entries.items():
            fits = [path for path, other in left.items() if other == shape]
            if not fits:
                raise ValueError(_misfit(name, shape, left)) from None
            pairs[name] = fits[0]
            del left[fits[0]]
        _warn_of_orders(entries, pairs)
    for shape in several:
        log.warning(
            "There are fewer masks of shape %s than weights: they were assigned in order. Pass names= to be sure.",
            shape,
        )
    return pairs


def _warn_of_orders(entries, pairs):
    """Warns of entries that may have been given each other's weights: file and model differ in order, and shapes repeat."""
    counts = Counter(entries.values())
    doubtful = [f"{name} -> {pairs[name]}" for name, shape in entries.items() if counts[shape] > 1]
    if doubtful:
        log.warning(
            "The file's order is not the model's, and these entries share their shapes with others; they were assigned in "
            "order, which may be wrong: %s. Pass names= to be sure.",
            "; ".join(doubtful),
        )


def _misfit(name, shape, wanted):
    listed = ", ".join(f"{path} {other}" for path, other in list(wanted.items())[:4]) or "none is left"
    more = f", ... ({len(wanted)} in all)" if len(wanted) > 4 else ""
    return (
        f"holds {name!r} of shape {shape}, which fits none of the weights it may belong to (shapes in PyTorch's layout): "
        f"{listed}{more}. Is it of another architecture? Pass names={{name in the file: weight path}} if names mislead."
    )


def _equal_names(entries, layouts):
    """name -> path of the entries that are named like a weight, as it is here or as `export_mask` writes it."""
    known = {path: path for path in layouts} | {torch_name(path): path for path in layouts}
    found = {name: known.get(name.removesuffix("_mask")) for name in entries}
    counts = Counter(found.values())
    return {name: path for name, path in found.items() if path and counts[path] == 1}


def torch_name(path):
    """The name of a weight in PyTorch's style.

    >>> torch_name("stage1/block0/conv1/kernel")
    'stage1.block0.conv1.weight'
    """
    *layers, weight = path.split("/")
    return ".".join([*layers, weight.replace("kernel", "weight")])
