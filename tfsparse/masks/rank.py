"""From a ranking to a mask, round by round."""

from collections.abc import Mapping

import numpy as np

from tfsparse.masks.allocate import keep_top
from tfsparse.masks.allocations import find_allocation

SHUFFLE = 1 << 31  # number of the generator that shuffles; those of rounds are 1, 2, ...
_NUMBERS = "fiuV"  # kinds of dtypes; V is that of bfloat16


def rank(search, ranking, choices, rounds=None):
    """The mask that a ranking leads to: path -> boolean array. A pruned weight stays pruned.

    Before the last round, counts are rounded up, as in SynFlow's reference code: one weight more or less early on changes
    many later. Every round draws ties from a generator of its own, so that a search can resume at any round.

    Args:
        search: `Search`.
        ranking: `Ranking`.
        choices: `Choices`.
        rounds: `Rounds` with those done before, where new ones are kept, too; None: all are done here, and none is kept.
    """
    pattern = choices.pattern_for(search)
    allocation = find_allocation(choices.allocation or ranking.allocation)
    shapes = {path: tuple(variable.shape) for path, variable in search.weights.items()}
    done, live = rounds.last(search) if rounds else (0, search.everything)
    scores = None
    for number in search.shown(range(done + 1, ranking.rounds + 1), "Ranking weights"):
        density, count = ranking.density(number, search.sparsity), search.count
        if number < ranking.rounds:
            count = pattern.count(shapes, density, search.total - int((1 - density) * search.total))
        live, scores = _round(search, ranking, choices, live, number, count, pattern, allocation, scores)
        if rounds:
            rounds.keep(number, live)
    return _shuffled(search, live, pattern) if choices.sanity == "shuffle" else live


def _scores(search, ranking, choices, live, number, before):
    found = ranking.score(live, number) if ranking.trains else ranking.score(live)
    _check_shapes(found, search.weights)
    if before is not None and not any(np.any(array[live[path]]) for path, array in found.items()):
        return before  # the last round has cut the last path: what is left is pruned in the order it had
    found = checked(found, search.weights, live)
    return {path: -array for path, array in found.items()} if choices.sanity == "invert" else found


def _round(search, ranking, choices, live, number, count, pattern, allocation, scores):
    """Prunes to `count` weights; in more than one step if the method finds that one would take too much.

    Args:
        scores: those that the round before ended with, or None. The other arguments are those of `rank`, or made there.

    Returns:
        (path -> boolean array, the scores that it is based on)
    """
    options = {"allocation": allocation, "pattern": pattern, "least": dict.fromkeys(live, choices.min_per_layer)}
    left = sum(int(np.count_nonzero(array)) for array in live.values())
    while True:
        scores, step = _scores(search, ranking, choices, live, number, scores), count
        kept = keep_top(scores, live, step, search.random(number), **options)
        while ranking.safe and left - step > 1 and not ranking.safe(scores, live, kept):
            step = left - (left - step) // 2
            kept = keep_top(scores, live, step, search.random(number), **options)
        live, left = kept, step
        if step == count:
            return live, scores


def _shuffled(search, live, pattern):
    """The same number of live weights in each layer, in the same pattern, drawn anew."""
    random = search.random(SHUFFLE)
    draws = {path: random.random(array.shape) for path, array in live.items()}
    counts = {path: int(np.count_nonzero(array)) for path, array in live.items()}
    allocation = lambda shapes, count: {path: counts[path] for path in shapes}  # noqa: E731
    return keep_top(draws, search.everything, sum(counts.values()), random, allocation=allocation, pattern=pattern)


def checked(scores, weights, live):
    """The scores; ValueError if they do not fit the weights, or give no order: any is NaN or infinite, or all that count
    are 0.

    Args:
        scores: path -> array.
        weights: path -> variable, to recognise a layer that is zero itself.
        live: path -> boolean array; only these scores count.
    """
    _check_shapes(scores, weights)
    for path, array in scores.items():
        if not np.isfinite(array).all():
            bad = int(np.count_nonzero(~np.isfinite(array)))
            raise ValueError(
                f"Scores of {path!r} are not finite ({bad:,} of {array.size:,}). Does the model hold NaN or infinite "
                "weights, or does its loss overflow on these data?"
            )
    silent = [path for path, array in scores.items() if live[path].any() and not np.any(live[path] & (array != 0))]
    if len(silent) < sum(array.any() for array in live.values()):
        return scores
    zero = [path for path in silent if not np.any(weights[path])] or silent[:1]
    raise ValueError(
        f"All scores are 0, including those of {', '.join(zero)}: nothing tells the weights apart. Is a layer all zero, or an "
        "activation saturated, so that nothing comes through? 'random' and 'erk' do not look at the network."
    )


def _check_shapes(scores, weights):
    """Raises ValueError unless each weight has an array of numbers of its shape; the method may be a user's own."""
    if not isinstance(scores, Mapping):
        raise ValueError(f"A method's score gives a dict from weight path to array of scores, received {scores!r}.")
    for path in [*weights, *scores]:
        if path not in scores or path not in weights:
            known = "is no weight to be pruned" if path in scores else "has no scores"
            raise ValueError(f"{path!r} {known}: a method's score gives one array for each path in search.weights.")
        array, shape = scores[path], tuple(weights[path].shape)
        if not isinstance(array, np.ndarray) or array.dtype.kind not in _NUMBERS or array.shape != shape:
            received = (
                f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
            )
            raise ValueError(
                f"The scores of {path!r} must be a NumPy array of numbers of shape {shape}, received {received}."
            )
