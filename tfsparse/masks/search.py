"""What a mask method is given, what it gives back, and the rounds in between."""

import dataclasses
import numbers
from collections.abc import Callable

import numpy as np
import tf_keras as keras

from tfsparse.masks.allocate import ALLOCATIONS, keep_top, live_count
from tfsparse.registry import lookup


@dataclasses.dataclass(frozen=True)
class Search:
    """One search for a mask: what a method may look at.

    Args:
        model: the model; the method leaves it as it is.
        weights: path -> variable, the prunable weights.
        sparsity: share of them that shall be zero, in [0, 1).
        task: `Task` or None.
        seed: of all that is random.
        shown: `shown(items, label)` yields the items and shows how far it is.
    """

    model: keras.Model
    weights: dict
    sparsity: float
    task: object = None
    seed: int = 0
    shown: Callable = lambda items, label, total=None: items

    @property
    def total(self):
        """Number of prunable weights."""
        return sum(variable.shape.num_elements() for variable in self.weights.values())

    @property
    def count(self):
        """How many of them shall live."""
        return live_count(self.sparsity, self.total)

    @property
    def everything(self):
        """The dense mask: path -> array of True."""
        return {path: np.ones(variable.shape, bool) for path, variable in self.weights.items()}

    @property
    def random(self):
        """A new `np.random.Generator`, always the same for the same seed."""
        return np.random.default_rng(self.seed)

    def require_task(self, method):
        """The task; ValueError if none was given."""
        if self.task is None:
            raise ValueError(f"Mask method {method!r} scores weights on training data: pass task=Task(data, ...).")
        return self.task


@dataclasses.dataclass(frozen=True)
class Ranking:
    """What a method returns that ranks scores; counting, ties, budgets and rounds are done for it.

    Args:
        score: (path -> boolean array of the weights still alive) -> path -> array of scores, highest kept.
            The scores are those of the network masked so; scores of dead weights are not looked at.
        rounds: with more than one, the density falls geometrically and each round scores anew.
        allocation: a name in `ALLOCATIONS`.

    Raises:
        ValueError: an argument out of range.
    """

    score: Callable
    rounds: int = 1
    allocation: str = "global"

    def __post_init__(self):
        whole("rounds", self.rounds)
        lookup(ALLOCATIONS, self.allocation, "allocation")


def whole(name, value):
    """`value` if it is a whole number of at least 1, else ValueError."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, received {value!r}.")
    return value


def rank(search, ranking):
    """The mask that a ranking leads to: path -> boolean array. A pruned weight stays pruned.

    After round r of R the density is d**(r / R), d the final one (SynFlow's exponential schedule). On the way a
    fraction of a weight is kept, as the reference code does: one weight more or less early on changes many later.
    """
    live, total, random = search.everything, search.total, search.random
    for done in search.shown(range(1, ranking.rounds + 1), "Ranking weights"):
        density = (1 - search.sparsity) ** (done / ranking.rounds)
        count = search.count if done == ranking.rounds else total - int((1 - density) * total)
        live = keep_top(checked(ranking.score(live)), live, count, ranking.allocation, random)
    return live


def checked(scores):
    """The scores; ValueError if any is NaN or infinite, for there is no order among those."""
    for path, array in scores.items():
        if not np.isfinite(array).all():
            bad = int(np.count_nonzero(~np.isfinite(array)))
            raise ValueError(
                f"Scores of {path!r} are not finite ({bad:,} of {array.size:,}). Does the model hold NaN or infinite "
                "weights, or does its loss overflow on these data?"
            )
    return scores
