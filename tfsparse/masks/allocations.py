"""How the budget is spread over the layers.

- `global`: one ranking over all layers.
- `uniform`: the same density in every layer.
- `erk`: density falls with the layer's size (Erdos-Renyi-Kernel; Evci et al., "Rigging the Lottery", 2020).
- `balanced`: the same number of weights in every layer (after Gadhikar et al., "Why Random Pruning Is All We Need", 2023).
- `smart_ratio`: density falls with depth (Su et al., "Sanity-Checking Pruning Methods", 2020).
- a `Mask`: its densities.
"""

import math

import numpy as np

from tfsparse.mask.mask import Mask
from tfsparse.registry import resolve
from tfsparse.values import real, switch


def budgets(allocation, shapes, count, room=None, least=None):
    """How many weights each layer keeps; the counts sum to `count` exactly (largest remainders are rounded up).

    Args:
        allocation: function (shapes, count) -> path -> ideal count, as `find_allocation` gives it.
        shapes: path -> shape of the weight, in the order of the layers.
        count: number of weights in all layers together.
        room: path -> upper limit of a layer; None: its size.
        least: path -> lower limit of a layer, as far as it has room; None: 0.

    >>> budgets(find_allocation("uniform"), {"a": (3, 5), "b": (5,)}, 10)
    {'a': 8, 'b': 2}

    Returns:
        path -> count; None where all layers share one ranking.
    """
    ideal = allocation(shapes, count)
    if ideal is None:
        return None
    room = room or {path: math.prod(shape) for path, shape in shapes.items()}
    least = least or dict.fromkeys(shapes, 0)
    if not sum(min(least[path], room[path]) for path in shapes) <= count <= sum(room.values()):
        raise ValueError(
            f"{count:,} weights cannot be spread over {len(shapes)} layers that have room for {sum(room.values()):,} "
            f"and keep at least {sum(least.values()):,}."
        )
    counts = {path: min(max(int(ideal[path]), least[path]), room[path]) for path in shapes}
    by_remainder = sorted(shapes, key=lambda path: int(ideal[path]) - ideal[path])
    missing = count - sum(counts.values())
    while missing > 0:
        for path in by_remainder:
            if missing > 0 and counts[path] < room[path]:
                counts[path] += 1
                missing -= 1
    for _ in range(-missing):  # the lower limits took more than the budget: layers furthest above theirs give it back
        counts[max(counts, key=lambda path: counts[path] - least[path])] -= 1
    return counts


def find_allocation(allocation):
    """The function (shapes, count) -> path -> ideal count that `allocation` names.

    Args:
        allocation: a name in `ALLOCATIONS`, with options or without; a `Mask`.

    Raises:
        ValueError: unknown name or option.
    """
    if isinstance(allocation, Mask):
        return lambda shapes, count: copied(shapes, count, allocation)
    entry, given = resolve(ALLOCATIONS, allocation, "allocation")
    return lambda shapes, count: entry(shapes, count, **given)


def together(shapes, count):
    """No budgets: all layers share one ranking."""
    return None


def copied(shapes, count, mask):
    """The densities of another mask; if the budget differs, one factor scales them all."""
    for path, shape in shapes.items():
        if path not in mask or mask[path].shape != tuple(shape):
            raise ValueError(f"The mask that the allocation is copied from says nothing of {path!r} {tuple(shape)}.")
    return _scaled({path: np.count_nonzero(mask[path]) for path in shapes}, shapes, count)


def uniform(shapes, count):
    total = sum(math.prod(shape) for shape in shapes.values())
    return {path: math.prod(shape) * count / total for path, shape in shapes.items()}


def erk(shapes, count):
    """density = epsilon * (sum of the shape) / (product of the shape)."""
    return _scaled({path: sum(shape) for path, shape in shapes.items()}, shapes, count)


def balanced(shapes, count):
    """The same number in every layer; layers smaller than their share stay dense, and the others share what is left over."""
    return _scaled(dict.fromkeys(shapes, 1), shapes, count)


def smart_ratio(shapes, count, *, classifier=0.3, vgg=False):
    """density of layer l of L proportional to (L - l + 1)^2 + (L - l + 1), divided by l^2 with `vgg=True`. If the last layer
    is a dense one, it counts as the classifier and keeps the share `classifier` of its weights, but no more than half of the
    budget (a limit of ours: the published sparsities do not reach it)."""
    classifier = real(classifier, "smart_ratio's classifier", "(0, 1]", "a share")
    vgg = switch(vgg, "smart_ratio's vgg")
    size, depth = {path: math.prod(shape) for path, shape in shapes.items()}, len(shapes)
    last = list(shapes)[-1]
    # Without the classifier (`prunable="conv"`) a convolution comes last: as the classifier it could take half the budget.
    body = [path for path in shapes if path != last or len(shapes[path]) != 2]
    density = {}
    for number, path in enumerate(body, 1):
        left = depth - number + 1
        density[path] = (left**2 + left) / (number**2 if vgg else 1)
    parts = {path: density[path] * size[path] for path in body}
    if last in parts:
        return _scaled(parts, shapes, count)
    rest = sum(size[path] for path in body)
    kept = max(min(classifier * size[last], count / 2), count - rest)  # what the body has no room for goes here
    return {**_scaled(parts, shapes, count - kept), last: kept}


def _scaled(parts, shapes, count):
    """Counts proportional to `parts` that sum to `count`, each at most the layer's size: as long as the fullest layers
    would be more than full, they stay dense and the others are scaled again."""
    size = {path: math.prod(shapes[path]) for path in parts}
    ideal = {path: float(number) for path, number in size.items()}
    sparse = list(parts)
    while sparse:
        left = count - sum(size[path] for path in parts if path not in sparse)
        epsilon = left / (sum(parts[path] for path in sparse) or 1)
        density = {path: epsilon * parts[path] / size[path] for path in sparse}
        fullest = max(density.values())
        if fullest <= 1:
            ideal.update({path: density[path] * size[path] for path in sparse})
            break
        sparse = [path for path in sparse if density[path] < fullest]
    return ideal


ALLOCATIONS = {"global": together, "uniform": uniform, "erk": erk, "balanced": balanced, "smart_ratio": smart_ratio}
