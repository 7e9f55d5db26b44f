"""Gem-Miner finds rare gems: masks under which random weights already classify."""

from tfsparse.masks.gem_miner_scores import OPTIMIZERS, PENALTIES, SCORES, ScoredNetwork
from tfsparse.masks.gem_miner_search import Mining
from tfsparse.masks.gem_miner_start import WEIGHTS, start_weights
from tfsparse.masks.search import Ranking
from tfsparse.values import one_of, real, whole


def gem_miner(
    search,
    *,
    epochs=None,
    period=5,
    penalty=None,
    regularizer="L2",
    optimizer="sgd",
    learning_rate=0.1,
    scores="uniform",
    weights="signed_constant",
):
    """Trains a score for each weight, never the weight itself (Sreenivasan et al., "Rare Gems: Finding Lottery Tickets at
    Initialization", 2022): the network classifies under its mask before any weight has been trained.

    The scores p in [0, 1] decide which of the random weights w take part: kernels are w * 1[p > 0.5] * F, where F is 0 for
    what has been pruned. The loss is the task's + penalty * sum(p²). Its gradient goes straight through the step,
    dL/dp = dL/d(kernel) * w * F + 2 * penalty * p, and after every update p is clipped to [0, 1]. Every `period` epochs
    the lowest scores of all layers together are pruned, the density falling geometrically over
    floor((epochs - 1) / period) rounds. The mask is F: weights whose score fell below 0.5 but that were never pruned come
    back (the reference's `unflag_before_finetune=True`).

    Training is meant to start from the mask's `weights`: the w, and norms with scale 1, shift 0 and moving averages measured
    under the mask. The notes and the mask's metadata tell how that network does before any weight is trained:
    `accuracy_before_training`, on the validation data, else the test data, else the training data, if the labels are
    classes.

    Unlike in the reference, counts are exact (its `> threshold` prunes ties as well), epochs after the last pruning, which
    cannot change F, are not run, and layers such as dropout are off. If no score stays above 0.5, the network is empty: as
    in the reference, all pruning still to come is done at once and the search ends. The note `stopped_at_epoch` says so.

    It trains on one device, in the model's own precision, whatever `find_mask`'s `training` says.

    Networks without norms are harder: their signal must neither vanish nor explode while the density falls. Try Adam, or
    a learning rate of 0.01, and a moderate sparsity.

    Args:
        search: `Search`; needs a task.
        epochs: over which the learning rate falls to 0 along a cosine; None: the task's.
        period: epochs from one pruning to the next.
        penalty: factor of the sum over all scores; None: min(30, 0.4 / density) / (number of weights), which is near what
            the authors set for SGD at densities from 0.6 to 20 %.
        regularizer: `"L2"`, or `"L1"`: penalty * sum(p).
        optimizer: for the scores, `"sgd"` with momentum 0.9 or `"adam"`.
        learning_rate: at the start; with Adam the authors took 0.001 to 0.05.
        scores: their first values: `"uniform"`, `"bernoulli"` (0 or 1), `"beta"` (0.1, 0.1) or `"skewed"`, beta (1, 5).
        weights: `"signed_constant"`, sign(w) * sqrt(2 / fan_in) of the model's own w; `"kaiming_normal"`, drawn; both
            divided by sqrt(density) in a network without norms, where the signal would vanish; or `"as_is"`, the model's own,
            also those of norms (a pretrained network).

    Returns:
        `Ranking`, whose weights are those of the search.

    Raises:
        ValueError: no task, an option out of range, or too few epochs for one pruning.
    """
    task = search.require_task("gem_miner")
    epochs = task.epochs if epochs is None else whole(epochs, "epochs")
    penalty = min(30, 0.4 * search.total / search.count) / search.total if penalty is None else penalty
    penalty, learning_rate = real(penalty, "penalty", "[0, inf)"), real(learning_rate, "learning_rate", "[0, inf)")
    slope = PENALTIES[one_of(regularizer, "regularizer", PENALTIES)]
    make = OPTIMIZERS[one_of(optimizer, "optimizer", OPTIMIZERS)]
    draw, random = SCORES[one_of(scores, "scores", SCORES)], search.random()
    start_from = one_of(weights, "weights", WEIGHTS)
    period = whole(period, "period")
    rounds = _rounds(epochs, period)
    start = start_weights(search, start_from, random)
    first = {path: draw(random, variable.shape) for path, variable in search.weights.items()}
    network = ScoredNetwork(search, start, first, make(learning_rate), lambda scores: penalty * slope(scores))
    mining = Mining(search, network, epochs, period, learning_rate)
    search.notes["penalty"] = penalty
    return Ranking(mining.score, rounds=rounds, trains=True, weights=lambda mask: mining.finish(rounds, mask))


def _rounds(epochs, period):
    """Number of prunings: one after each of the epochs period, 2 * period, ..., counted from 0."""
    if epochs <= period:
        raise ValueError(
            f"{epochs} epochs with period={period} never prune: the first pruning comes after period + 1 epochs. Give "
            f"more epochs, or a period of at most {max(epochs - 1, 1)}."
        )
    return (epochs - 1) // period
