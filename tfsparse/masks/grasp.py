"""GraSP: weights whose removal would weaken the gradient flow."""

import functools
import math

import tensorflow as tf
import tf_keras as keras

from tfsparse.masks.gradients import Mean, gradient, masked, normalised
from tfsparse.masks.search import Ranking
from tfsparse.second_derivatives import needed
from tfsparse.values import real, switch, whole


def grasp(search, *, batches=1, temperature=200.0, bn_mode="batch", rounds=1, magnitude=False):
    """Scores a weight by what its removal takes from the gradient flow: w * (H g). The highest stay (Wang et al., "Picking
    Winning Tickets Before Training by Preserving Gradient Flow", 2020).

    g is the gradient of the loss over the whole sample, H its Hessian, both with respect to the live prunable
    weights; the logits are divided by `temperature`. Scores have a sign, as published; `magnitude=True` keeps the highest
    |w * (H g)| instead (Frankle et al., "Pruning Neural Networks at Initialization: Why Are We Missing the Mark?", 2021).
    Unlike in the reference code, batches are weighted by their number of examples, scores are divided by the sum of
    their absolute values (the reference sums the signed ones, which nearly cancel in training mode), only weights that
    still live are ranked in later rounds, and no weight of the model is drawn anew.

    Args:
        search: `Search`; needs a task.
        batches: how many training batches are looked at: the first ones, not augmented.
        temperature: 200 in the published code.
        bn_mode: `"batch"`, BatchNorm as in training; `"inference"`, on its moving averages.
        rounds: 1 is the published method.
        magnitude: whether the sign is dropped.

    Returns:
        `Ranking`.

    Raises:
        ValueError: no task, an option out of range, or fewer training batches than asked for.
    """
    task = search.require_task("grasp")
    switch(magnitude, "magnitude")
    data = task.data.scoring(whole(batches, "batches"))
    loss = _at_temperature(task.loss_for(search.model), temperature)
    variables, sums = list(search.weights.values()), None

    def score(live):
        nonlocal sums
        with masked(search, live, bn_mode) as forward:
            sums = sums or _flow(functools.partial(gradient, loss, forward, variables), variables)
            flow, change = sums
            flow(search.shown(data, "Gradients", total=batches))
            for path, total in zip(search.weights, flow.sums, strict=True):
                if not live[path].all():  # what is pruned takes no part in the flow
                    total.assign(total * tf.cast(live[path], total.dtype))
            with needed("grasp", "snip, taylor and synflow need only first ones."):
                products = change(search.shown(data, "Change of gradient flow", total=batches))
            scores = {p: (v * h).numpy() for (p, v), h in zip(search.weights.items(), products, strict=True)}
        scores = {path: abs(array) for path, array in scores.items()} if magnitude else scores
        return normalised(scores)

    return Ranking(score, rounds=rounds)


def _flow(gradients, variables):
    """Two means: that of the gradients g, and that of H g, to be taken after it."""
    flow = Mean(gradients, variables)

    def change(x, y):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            # g enters as a constant, its sum in place of its mean: a factor that normalising the scores removes.
            product = tf.add_n([tf.reduce_sum(g * h) for g, h in zip(flow.sums, gradients(x, y), strict=True)])
        return tape.gradient(product, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    return flow, Mean(change, variables)


def _at_temperature(loss, temperature):
    """The loss of the logits divided by `temperature`, times the power of two nearest to it: otherwise its gradients would be
    too small for float16. Normalising the scores removes the factor without a trace."""
    if real(temperature, "temperature", "(0, inf)") == 1:
        return loss
    if type(loss) not in (keras.losses.SparseCategoricalCrossentropy, keras.losses.CategoricalCrossentropy):
        raise ValueError(
            f"grasp's temperature divides the logits of a cross-entropy; the task's loss is {type(loss).__name__}. "
            "Use temperature=1."
        )
    config, factor = loss.get_config(), 2.0 ** round(math.log2(temperature))
    of_logits = type(loss).from_config({**config, "from_logits": True})
    if config.get("from_logits", False):
        return lambda y, outputs: factor * of_logits(y, outputs / temperature)
    # Logarithms of probabilities are logits, up to a constant that does not change the softmax. Their second derivative,
    # one over the probability squared, must stay finite.
    return lambda y, outputs: factor * of_logits(y, tf.math.log(outputs + 1e-12) / temperature)
