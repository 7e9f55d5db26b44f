"""From scores to a mask: how many weights live, how the budget spreads over the layers, who wins a tie.

- `global`: one ranking over all layers.
- `uniform`: the same density in every layer.
- `erk`: density falls with the layer's size (Erdos-Renyi-Kernel; Evci et al., "Rigging the Lottery", 2020).
"""

import math

import numpy as np

from tfsparse.registry import lookup


def live_count(sparsity, total):
    """How many of `total` weights live: `round((1 - sparsity) * total)`.

    >>> live_count(0.9, 1234)
    123

    Raises:
        ValueError: `sparsity` is outside [0, 1), or leaves nothing.
    """
    if not isinstance(sparsity, (int, float, np.number)) or not 0 <= sparsity < 1:
        raise ValueError(f"sparsity is the share of weights that are zero, in [0, 1); received {sparsity!r}.")
    count = round((1 - float(sparsity)) * total)
    if count == 0:
        raise ValueError(
            f"sparsity={sparsity!r} leaves none of {total:,} prunable weights. Keep one at least: {1 - 1 / total}."
        )
    return count


def keep_top(scores, live, count, allocation, random):
    """Keeps the `count` live weights of the highest scores; what is not live stays so.

    Args:
        scores: path -> array.
        live: path -> boolean array; only these weights are ranked.
        count: how many stay, in all layers together.
        allocation: a name in `ALLOCATIONS`.
        random: `np.random.Generator` that decides between equal scores.

    Returns:
        path -> boolean array, exactly `count` of them True.

    >>> scores, everything = {"a": np.array([3.0, 1.0]), "b": np.array([2.0])}, {"a": np.ones(2, bool), "b": np.ones(1, bool)}
    >>> {k: v.tolist() for k, v in keep_top(scores, everything, 2, "global", np.random.default_rng(0)).items()}
    {'a': [True, False], 'b': [True]}
    """
    if lookup(ALLOCATIONS, allocation, "allocation") is None:
        groups = [(list(scores), count)]
    else:
        room = {path: int(np.count_nonzero(array)) for path, array in live.items()}
        shares = budgets(allocation, {path: array.shape for path, array in scores.items()}, count, room)
        groups = [([path], share) for path, share in shares.items()]
    kept = {}
    for paths, share in groups:
        values = [scores[path][live[path]] for path in paths]
        chosen = _top(np.concatenate(values), share, random)
        parts = np.split(chosen, np.cumsum([len(value) for value in values])[:-1])
        for path, part in zip(paths, parts, strict=True):
            kept[path] = live[path].copy()
            kept[path][live[path]] = part
    return kept


def _top(values, count, random):
    """Marks the `count` highest of a flat array; among those equal to the last one in, `random` draws."""
    if count >= len(values):
        return np.ones(len(values), bool)
    if count == 0:
        return np.zeros(len(values), bool)
    threshold = np.partition(values, len(values) - count)[len(values) - count]
    chosen = values > threshold
    tied = np.flatnonzero(values == threshold)
    missing = count - np.count_nonzero(chosen)
    chosen[tied if missing == len(tied) else random.choice(tied, missing, replace=False)] = True
    return chosen


def budgets(allocation, shapes, count, room=None):
    """How many weights each layer keeps; the counts sum to `count` exactly (largest remainders are rounded up).

    Args:
        allocation: `"uniform"` or `"erk"`.
        shapes: path -> shape of the weight.
        count: of weights in all layers.
        room: path -> upper limit of a layer; None: its size.

    >>> budgets("uniform", {"a": (3, 5), "b": (5,)}, 10)
    {'a': 8, 'b': 2}
    """
    ideal = ALLOCATIONS[allocation](shapes, count)
    room = room or {path: math.prod(shape) for path, shape in shapes.items()}
    counts = {path: min(int(ideal[path]), room[path]) for path in shapes}
    by_remainder = sorted(shapes, key=lambda path: int(ideal[path]) - ideal[path])
    missing = count - sum(counts.values())
    while missing > 0:
        for path in by_remainder:
            if missing > 0 and counts[path] < room[path]:
                counts[path] += 1
                missing -= 1
    return counts


def _uniform(shapes, count):
    total = sum(math.prod(shape) for shape in shapes.values())
    return {path: math.prod(shape) * count / total for path, shape in shapes.items()}


def _erk(shapes, count):
    """density = epsilon * (sum of the shape) / (product of the shape), full layers taken out one after another.

    Epsilon makes the counts sum up; whenever the fullest layer would be more than full, it stays dense.
    """
    size = {path: math.prod(shape) for path, shape in shapes.items()}
    ideal = {path: float(number) for path, number in size.items()}
    sparse = list(shapes)
    while sparse:
        left = count - sum(size[path] for path in shapes if path not in sparse)
        epsilon = left / sum(sum(shapes[path]) for path in sparse)
        density = {path: epsilon * sum(shapes[path]) / size[path] for path in sparse}
        fullest = max(density.values())
        if fullest <= 1:
            ideal.update({path: density[path] * size[path] for path in sparse})
            break
        sparse = [path for path in sparse if density[path] < fullest]
    return ideal


ALLOCATIONS = {"global": None, "uniform": _uniform, "erk": _erk}
