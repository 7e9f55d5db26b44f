"""From scores to a mask: how many weights live, who wins a tie."""

import math

import numpy as np

from tfsparse.masks.allocations import budgets, find_allocation
from tfsparse.masks.pattern import Pattern
from tfsparse.masks.top import top


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


def keep_top(scores, live, count, random, *, allocation="global", pattern=None, least=0):
    """Keeps the `count` live weights of the highest scores; what is not live stays so.

    Args:
        scores: path -> array.
        live: path -> boolean array; only these weights are ranked.
        count: how many stay, in all layers together.
        random: `np.random.Generator` that decides between equal scores.
        allocation: what `find_allocation` takes, or gives.
        pattern: what `find_pattern` gives; None: single weights.
        least: weights that every layer keeps, if it has them.

    Returns:
        path -> boolean array, exactly `count` of them True; with a pattern of blocks or filters as near as whole ones come.

    >>> scores, everything = {"a": np.array([3.0, 1.0]), "b": np.array([2.0])}, {"a": np.ones(2, bool), "b": np.ones(1, bool)}
    >>> kept = keep_top(scores, everything, 2, np.random.default_rng(0))
    >>> {path: array.tolist() for path, array in kept.items()}
    {'a': [True, False], 'b': [True]}
    """
    pattern = pattern or Pattern({})
    shapes = {path: array.shape for path, array in scores.items()}
    live = pattern.limit(scores, live, count / sum(map(math.prod, shapes.values())), random)
    kept = {path: live[path] for path in pattern.whole(shapes)}
    count -= sum(int(np.count_nonzero(array)) for array in kept.values())
    ranked = {path: shape for path, shape in shapes.items() if path not in kept}
    room = {path: int(np.count_nonzero(live[path])) for path in ranked}
    spread = allocation if callable(allocation) else find_allocation(allocation)
    shares = budgets(spread, ranked, count, room, least)
    layers = [_Layer(path, scores[path], live[path], pattern) for path in ranked]
    for layer in layers:
        sure = min(least, room[layer.path]) if shares is None else shares[layer.path]
        cells = math.ceil(sure / layer.size) if shares is None else sure // layer.size
        layer.keep(top(layer.scores[layer.open], cells, random))
    _fill(layers, count - sum(layer.kept for layer in layers), random)
    kept |= {layer.path: layer.mask() for layer in layers}
    return {path: kept[path] for path in shapes}


class _Layer:
    """The cells of one layer: those still open, and those taken."""

    def __init__(self, path, scores, live, pattern):
        self.path, self.live, self.pattern = path, live, pattern
        self.size = pattern.size(path, scores.shape)
        self.scores = scores if self.size == 1 else pattern.pool(path, np.where(live, scores, 0))
        self.open = live if self.size == 1 else pattern.pool(path, live)
        self.taken = np.zeros(self.open.shape, bool)

    @property
    def kept(self):
        """Number of weights taken."""
        return self.size * int(np.count_nonzero(self.taken))

    def keep(self, chosen):
        """Takes the open cells that `chosen`, one boolean each, marks."""
        new = np.zeros_like(self.taken)
        new[self.open] = chosen
        self.taken, self.open = self.taken | new, self.open & ~new

    def mask(self):
        """The weights of the cells that were taken."""
        return self.taken if self.size == 1 else self.pattern.expand(self.path, self.taken, self.live.shape) & self.live


def _fill(layers, count, random):
    """Takes the best open cells of all `layers` together, `count` weights or as near as whole cells come."""
    values = [layer.scores[layer.open] for layer in layers]
    sizes, flat = [layer.size for layer in layers], np.concatenate(values)
    if len(set(sizes)) == 1:
        chosen = top(flat, max(round(count / sizes[0]), 0), random)
    else:
        chosen = _greedy(flat, np.repeat(sizes, [len(value) for value in values]), count, random)
    for layer, part in zip(layers, np.split(chosen, np.cumsum([len(v) for v in values])[:-1]), strict=True):
        layer.keep(part)


def _greedy(values, sizes, count, random):
    """Takes cells of several sizes from the best down, passing over those that no longer fit."""
    chosen = np.zeros(len(values), bool)
    for index in np.lexsort((random.random(len(values)), -values)):
        if sizes[index] <= count:
            chosen[index] = True
            count -= sizes[index]
    return chosen
