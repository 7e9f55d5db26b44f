"""SNIP: weights whose removal would change the loss most."""

from tfsparse.masks.gradients import normalised
from tfsparse.masks.search import Ranking
from tfsparse.masks.taylor import taylor


def snip(search, *, batches=1, rounds=1, bn_mode="batch"):
    """Scores a weight by the loss's sensitivity to it: |w * dL/dw| / sum over all weights (Lee et al., "SNIP: Single-shot
    Network Pruning based on Connection Sensitivity", 2019).

    L is the task's loss on the first `batches` training batches, not augmented. With `rounds` above 1 the density falls
    geometrically, each round scoring the network that is left (de Jorge et al., "Progressive Skeletonization", 2021).
    Unlike in the reference code, batches are weighted by their number of examples, and a pruned weight stays pruned in
    later rounds.

    Args:
        search: `Search`; needs a task.
        batches: how many training batches are looked at.
        rounds: 1 is the published method.
        bn_mode: `"batch"`, BatchNorm as in training; `"inference"`, on its moving averages.

    Returns:
        `Ranking`.

    Raises:
        ValueError: no task, an option out of range, or fewer training batches than asked for.
    """
    search.require_task("snip")
    ranking = taylor(search, batches=batches, rounds=rounds, bn_mode=bn_mode)
    return Ranking(lambda live: normalised(ranking.score(live)), rounds=rounds)
