"""Taylor: the first-order estimate of what a weight's removal costs."""

import functools

import tensorflow as tf

from tfsparse.masks.gradients import Mean, gradient, masked
from tfsparse.masks.search import Ranking
from tfsparse.values import whole


def taylor(search, *, batches=1, rounds=1, bn_mode="batch"):
    """Scores a weight by the first-order change of the loss without it: |w * dL/dw| (Molchanov et al., "Importance
    Estimation for Neural Network Pruning", 2019). Ranks as SNIP does, whose scores are the same, normalised; it is usually
    applied after training.

    Args:
        search: `Search`; needs a task.
        batches: how many training batches are looked at: the first ones, not augmented, weighted by their sizes.
        rounds: with more than one, the density falls geometrically, each round scoring the network that is left.
        bn_mode: `"batch"`, BatchNorm as in training; `"inference"`, on its moving averages.

    Returns:
        `Ranking`.

    Raises:
        ValueError: no task, an option out of range, or fewer training batches than asked for.
    """
    task = search.require_task("taylor")
    data = task.data.scoring(whole(batches, "batches"))
    loss, variables, mean = task.loss_for(search.model), list(search.weights.values()), None

    def score(live):
        nonlocal mean
        with masked(search, live, bn_mode) as forward:
            mean = mean or Mean(functools.partial(gradient, loss, forward, variables), variables)
            gradients = mean(search.shown(data, "Gradients", total=batches))
            return {p: tf.abs(v * g).numpy() for (p, v), g in zip(search.weights.items(), gradients, strict=True)}

    return Ranking(score, rounds=rounds)
