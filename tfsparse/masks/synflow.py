"""SynFlow: weights that carry the most paths, found without data."""

import logging

import numpy as np

from tfsparse.graph import require_graph
from tfsparse.mask.axes import channel_axes
from tfsparse.masks.flow import Flow
from tfsparse.masks.search import Ranking
from tfsparse.values import whole

log = logging.getLogger(__name__)

_FEW = 10


def synflow(search, *, rounds=100, schedule="exponential"):
    """Scores a weight by the synaptic flow through it: |w * dR/dw|, R = sum of the logits for an input of ones, in the
    network whose every parameter is replaced by its absolute value (Tanaka et al., "Pruning neural networks without any
    data by iteratively conserving synaptic flow", 2020).

    The density falls geometrically over the rounds, and each round scores the network that is left. So no layer is pruned
    away while another has weights to spare, unless a shortcut carries the flow around it. The paper's argument needs rounds
    that prune little; here, where a layer has few weights left, a round that could cut the last path takes smaller steps.
    Everything becomes positive, including biases, norm scales and shifts, and moving averages; BatchNorm uses its moving
    averages. The reference code, in float32, overflows in deep networks without noticing; here the flow is in float64, scaled
    where its range is not enough.

    What would saturate or hinder the flow is removed: a softmax or sigmoid at the outputs, the ceiling of a ReLU6, and
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
    rounds = whole(rounds, "rounds")
    require_graph(search.model, "SynFlow rebuilds the model and")
    flow, first = Flow(search.model, search.weights, search.task and search.task.data), True

    def score(live):
        nonlocal first
        scores = flow(live)
        if first and not any(array.any() for array in scores.values()):
            raise ValueError(
                f"SynFlow finds no flow through model {search.model.name!r}: all scores are 0. An activation saturates "
                "on large positive values, something is subtracted on the way, or a layer is zero. Use another mask method."
            )
        if first:
            _warn_of_idle_layers(search, scores)
            first = False
        return scores  # once no path is left, all are 0, and `rank` uses those of the round before

    return Ranking(
        score,
        rounds=rounds,
        schedule=schedule,
        safe=_some_is_left if rounds > 1 and schedule == "exponential" else None,
    )


def _warn_of_idle_layers(search, scores):
    """Warns of layers where nothing flows through most of the units that have weights. (Single weights of a unit may well be
    idle, as in kernels that are larger than their image.)"""
    axes, idle = channel_axes(search.model), []
    for path, array in scores.items():
        inputs = tuple(axis for axis in range(array.ndim) if axis not in axes[path][1])
        units = np.any(search.weights[path].numpy(), inputs)
        if units.any() and np.mean(array.any(inputs)[units]) < 0.5:
            idle.append(path)
    if idle:
        log.warning(
            "SynFlow finds no flow through most units of %d of %d layers: %s. An activation saturates there (tanh, sigmoid, "
            "the gate of a squeeze-and-excite block), something is subtracted on the way, or a layer is 0; which of these "
            "weights live is decided by the seed.",
            *(len(idle), len(scores), ", ".join(idle[:3]) + ", ..." * (len(idle) > 3)),
        )


def _some_is_left(scores, before, after):
    """Whether some flow is sure to survive: the paths through the pruned weights together carry less than all paths do.

    Checked only if a layer that all the flow goes through has few weights left: otherwise it costs many rounds for nothing.
    """
    flow = {path: float(array.sum(dtype="float64")) for path, array in scores.items()}
    whole = max(flow.values())
    narrow = (path for path in flow if flow[path] > 0.999 * whole)
    if not any(np.count_nonzero(before[path]) <= _FEW for path in narrow):
        return True
    return sum(float(array[before[path] & ~after[path]].sum(dtype="float64")) for path, array in scores.items()) < whole
