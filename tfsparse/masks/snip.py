"""SNIP: weights whose removal would change the loss most."""

import numpy as np
import tensorflow as tf

from tfsparse.frozen import frozen
from tfsparse.masks.search import Ranking, whole


def snip(search, *, batches=1, rounds=1, bn_mode="batch", allocation="global"):
    """Scores a weight by the loss's sensitivity to it: |w * dL/dw| / sum over all weights (Lee et al., 2019).

    L is the task's loss on the first `batches` training batches, not augmented; batches count by their examples.
    With `rounds` above 1 the density falls geometrically, each round scoring the network that is left.

    Args:
        search: `Search`; needs a task.
        batches: how many training batches are looked at.
        rounds: 1 is the published method.
        bn_mode: `"batch"`, BatchNorm as in training; `"inference"`, on its moving averages.
        allocation: `"global"`, `"uniform"` or `"erk"`.

    Returns:
        `Ranking`.

    Raises:
        ValueError: no task, an option out of range, or fewer training batches than asked for.
    """
    task = search.require_task("snip")
    data = task.data.scoring(whole("batches", batches))
    trace = None

    def score(live):
        nonlocal trace
        with frozen(search.model, bn_mode) as forward:
            for path, variable in search.weights.items():
                if not live[path].all():
                    variable.assign(variable.numpy() * live[path])
            trace = trace or _gradients(forward, task, search)
            mean = _mean_gradients(trace, search.shown(data, "Gradients", total=batches))
            scores = [np.abs(v.numpy() * g) for v, g in zip(search.weights.values(), mean, strict=True)]
        norm = sum(array.sum() for array in scores) or 1.0  # all gradients 0: scores 0, not NaN
        return {path: array / norm for path, array in zip(search.weights, scores, strict=True)}

    return Ranking(score, rounds=rounds, allocation=allocation)


def _gradients(forward, task, search):
    """The function (x, y) -> gradients of the batch's mean loss in the prunable weights."""
    loss, variables = task.loss_for(search.model), list(search.weights.values())

    @tf.function(reduce_retracing=True)
    def gradients(x, y):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            value = loss(y, forward(x))
        return tape.gradient(value, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    return gradients


def _mean_gradients(gradients, data):
    """The mean over examples, also when the last batch is short; summed in float64."""
    sums, examples = None, 0
    for x, y in data:
        number = int(tf.nest.flatten(x)[0].shape[0])
        parts = [number * g.numpy().astype(np.float64) for g in gradients(x, y)]
        sums = parts if sums is None else [a + b for a, b in zip(sums, parts, strict=True)]
        examples += number
    return [total / examples for total in sums]
