"""The smaller network with which a training goes on once no ghost lives any more."""

from tfsparse import recipe as recipes
from tfsparse.compaction import compact
from tfsparse.recipe import clocks
from tfsparse.training import Compacted


class Compactor:
    """Makes a `Compacted` of a prepared model.

    Args:
        mask: `Mask` of the plain model.
        task: `Task`.
        dtype: Keras dtype policy of the small model.
    """

    def __init__(self, mask, task, dtype):
        self.mask, self.task, self.dtype = mask, task, dtype

    def from_step(self, prepared):
        """The first step at which no ghost lives; None if one always will, or nothing is masked."""
        living = clocks(prepared).values()
        if self.mask is None or any(clock.hand_over == "constant" for clock in living):
            return None
        return max((clock.steps for clock in living), default=0)

    def __call__(self, prepared, stays=None):
        """The `Compacted`; `stays`: what an earlier one has kept."""
        compaction = compact(recipes.strip(prepared), self.mask, stays=stays)
        given = compaction.model, compaction.mask, "none", self.task
        small = recipes.prepare(*given, initialize=False, dtype=self.dtype)
        return Compacted(prepared, compaction, small, dict.fromkeys(clocks(prepared), 0.0))
