"""SynFlow: weights that carry the most paths, found without data."""

import tensorflow as tf

from tfsparse import paths
from tfsparse.graph import require_graph
from tfsparse.masks.search import Ranking
from tfsparse.positive import ones, positive


def synflow(search, *, rounds=100, schedule="exponential"):
    """Scores a weight by the synaptic flow through it: |w * dR/dw|, R = sum of the logits for an input of ones, in the
    network whose every parameter is replaced by its absolute value (Tanaka et al., "Pruning neural networks without any
    data by iteratively conserving synaptic flow", 2020).

    The density falls over the rounds, geometrically, each scoring the network that is left: no layer is pruned away
    while another has weights to spare. Everything becomes positive, biases, norm scales and shifts and moving averages
    too; BatchNorm uses its moving averages. The products of many layers overflow float32, so all is in float64.

    What would saturate and stop the flow is opened: a softmax or sigmoid at the outputs, the ceiling of a ReLU6, and
    layers that only rescale the images.

    Args:
        search: `Search`.
        rounds: 1 scores once and collapses like the other one-shot methods.
        schedule: how the density falls, `"exponential"` or `"linear"`.

    Returns:
        `Ranking`.

    Raises:
        ValueError: the model is subclassed, has an input of unknown size, or lets nothing through.
    """
    require_graph(search.model, "SynFlow rebuilds the model in float64 and")
    example = ones(search.model, search.task and search.task.data)
    copy = positive(search.model)
    variables = paths.weights(copy)
    kernels = [variables[path] for path in search.weights]
    start = [kernel.numpy() for kernel in kernels]

    @tf.function
    def flow():
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(kernels)
            r = tf.add_n([tf.reduce_sum(out) for out in tf.nest.flatten(copy(example, training=False))])
        slopes = tape.gradient(r, kernels, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return [tf.abs(w * slope) for w, slope in zip(kernels, slopes, strict=True)]

    def score(live):
        for kernel, value, path in zip(kernels, start, search.weights, strict=True):
            kernel.assign(value * live[path])
        scores = {path: array.numpy() for path, array in zip(search.weights, flow(), strict=True)}
        if not any(array.any() for array in scores.values()):
            raise ValueError(
                f"SynFlow finds no flow through model {search.model.name!r}: all scores are 0. An activation saturates "
                "on large positive values, or a layer is zero. Use another mask method."
            )
        return scores

    return Ranking(score, rounds=rounds, schedule=schedule)
