"""From scores to a mask: how many weights live, who wins a tie."""

import math

import numpy as np

from tfsparse.masks.allocations import budgets, find_allocation
from tfsparse.masks.pattern import Pattern
from tfsparse.masks.top import nth_highest


def live_count(sparsity, total):
    """How many of `total` weights live: `round((1 - sparsity) * total)`.

    >>> live_count(0.9, 1234)
    123

    Raises:
        ValueError: `sparsity` is outside [0, 1), or leaves no weight.
    """
    if not isinstance(sparsity, (int, float, np.number)) or not 0 <= sparsity < 1:
        raise ValueError(f"sparsity is the share of weights that are zero, in [0, 1); received {sparsity!r}.")
    count = round((1 - float(sparsity)) * total)
    if count == 0:
        raise ValueError(
            f"sparsity={sparsity!r} leaves none of {total:,} prunable weights. Keep at least one: sparsity={1 - 1 / total}."
        )
    return count


def keep_top(scores, live, count, random, *, allocation="global", pattern=None, least=None):
    """Keeps the `count` live weights with the highest scores; dead weights stay dead.

    Args:
        scores: path -> array.
        live: path -> boolean array; only these weights are ranked.
        count: how many weights stay, in all layers together.
        random: `np.random.Generator` that decides between equal scores.
        allocation: an argument for `find_allocation`, or a function that it returns.
        pattern: as `find_pattern` returns it; None: single weights.
        least: path -> number of weights that a layer keeps at least, in whole cells, if it has as many; None: 0.

    Returns:
        path -> boolean array, exactly `count` entries True; with a pattern of blocks or filters, as near as whole ones allow.

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
    least = {path: pattern.whole_cells(path, shapes[path], (least or {}).get(path, 0)) for path in ranked}
    shares = budgets(spread, ranked, count, room, least)
    layers = [_Layer(path, scores[path], live[path], pattern) for path in ranked]
    for layer in layers:
        sure = min(least[layer.path], room[layer.path]) if shares is None else shares[layer.path]
        _take([layer], sure // layer.size, random)
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

    def take(self, chosen):
        """Takes the open cells that `chosen`, an array of booleans, marks."""
        self.taken, self.open = self.taken | chosen, self.open & ~chosen

    def mask(self):
        """The weights of the cells that were taken."""
        return self.taken if self.size == 1 else self.pattern.expand(self.path, self.taken, self.live.shape) & self.live


def _fill(layers, count, random):
    """Takes the best open cells of all `layers` together, `count` weights or as near as whole cells allow."""
    sizes = {layer.size for layer in layers}
    if len(sizes) == 1:
        _take(layers, round(count / sizes.pop()), random)
    else:
        _take_what_fits(layers, count, random)


def _take(layers, cells, random):
    """Takes the best `cells` open cells of `layers`; `random` decides between those that tie with the last one in."""
    if cells <= 0:
        return
    threshold = nth_highest([layer.scores for layer in layers], [layer.open for layer in layers], cells)
    chosen = [layer.open & (layer.scores >= threshold) for layer in layers]
    surplus = sum(int(np.count_nonzero(marks)) for marks in chosen) - cells
    if surplus > 0:
        tied = [np.flatnonzero(layer.open & (layer.scores == threshold)) for layer in layers]
        out = np.zeros(sum(map(len, tied)), bool)
        out[random.choice(len(out), surplus, replace=False)] = True
        for marks, places, drop in zip(
            chosen, tied, np.split(out, np.cumsum([len(t) for t in tied])[:-1]), strict=True
        ):
            marks.flat[places[drop]] = False
    for layer, marks in zip(layers, chosen, strict=True):
        layer.take(marks)


def _take_what_fits(layers, count, random):
    """Takes cells of several sizes from the best down, passing over those that no longer fit."""
    places = [(layer, place) for layer in layers for place in np.flatnonzero(layer.open)]
    values = np.array([layer.scores.flat[place] for layer, place in places])
    for index in np.lexsort((random.random(len(values)), -values)):
        layer, place = places[index]
        if layer.size <= count:
            layer.taken.flat[place] = True
            count -= layer.size
