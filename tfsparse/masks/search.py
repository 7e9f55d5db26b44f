"""What a mask method is given, and what it gives back."""

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np
import tf_keras as keras

from tfsparse.masks.allocate import live_count
from tfsparse.registry import lookup
from tfsparse.values import whole


@dataclasses.dataclass(frozen=True)
class Search:
    """One search for a mask: what a method may look at.

    Args:
        model: the model; the method leaves it as it is.
        weights: path -> variable, the weights that the mask is for.
        sparsity: share of them that is to be zero, in [0, 1).
        task: `Task` or None.
        seed: of all that is random.
        shown: `shown(items, label)` yields the items and shows the progress.
        folder: where a method that trains keeps what it has done so far; there is one whenever it runs.
        train: `train(model, task, mask, folder, steps)` trains a model in place and returns its accuracies; or None.
        notes: what the method wants the mask file to say; strings to anything JSON holds.
    """

    model: keras.Model
    weights: dict
    sparsity: float
    task: object = None
    seed: int = 0
    shown: Callable = lambda items, label, total=None: items
    folder: pathlib.Path | None = None
    train: Callable | None = None
    notes: dict = dataclasses.field(default_factory=dict)

    @property
    def total(self):
        """Number of weights that the mask is for."""
        return sum(variable.shape.num_elements() for variable in self.weights.values())

    @property
    def count(self):
        """How many of them are to live."""
        return live_count(self.sparsity, self.total)

    @property
    def everything(self):
        """The dense mask: path -> array of True."""
        return {path: np.ones(variable.shape, bool) for path, variable in self.weights.items()}

    def random(self, number=0):
        """A new `np.random.Generator`, always the same for the same seed and number."""
        return np.random.default_rng([self.seed, number])

    def require_task(self, method):
        """The task; ValueError if none was given."""
        if self.task is None:
            raise ValueError(f"Mask method {method!r} looks at training data: pass task=Task(data, ...).")
        return self.task

    def require_training(self, method):
        """The function that trains models in a method's rounds; ValueError if none was given."""
        if self.train is None:
            raise ValueError(
                f"Mask method {method!r} trains: use tfsparse.find_mask, which supplies train, or pass train=... yourself."
            )
        return self.train


@dataclasses.dataclass(frozen=True)
class Ranking:
    """What a method returns: its scores; counting, ties, budgets, patterns and rounds are done for it.

    Args:
        score: (path -> boolean array of the weights still alive) -> path -> array of scores, highest kept.
            The scores are those of the network under this mask; scores of dead weights are ignored.
        rounds: with more than one, the density falls from round to round, and each scores anew.
        schedule: how it falls, `"exponential"` or `"linear"`.
        allocation: a name in `ALLOCATIONS`, used if the user names no other.
        trains: whether a round takes so long that its mask is kept: `score` is then called with the round's number (from 1)
            too, and the mask after every round is saved in the search's folder, where a stopped search resumes.
        weights: (path -> boolean array, the mask) -> path -> array, what training is to start from, called at the end;
            None: the model's own.
        trained: whether those weights were trained under the method's own mask, and fit no other.
        safe: (scores, live before, live after) -> whether a round may prune that much at once; if not, it takes smaller steps
            and scores in between. None: always.
        drawn: whether the scores mean nothing (random masks).

    Raises:
        ValueError: an argument out of range.
    """

    score: Callable
    rounds: int = 1
    schedule: str = "exponential"
    allocation: str = "global"
    trains: bool = False
    weights: Callable | None = None
    trained: bool = False
    safe: Callable | None = None
    drawn: bool = False

    def __post_init__(self):
        object.__setattr__(self, "rounds", whole(self.rounds, "rounds"))
        lookup(SCHEDULES, self.schedule, "schedule")

    def density(self, done, sparsity):
        """Share of the weights that live after `done` of the rounds."""
        return SCHEDULES[self.schedule](done / self.rounds, sparsity)


SCHEDULES = {
    "exponential": lambda share, sparsity: (1 - sparsity) ** share,
    "linear": lambda share, sparsity: 1 - sparsity * share,
}
