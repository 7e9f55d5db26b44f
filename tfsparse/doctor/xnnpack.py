"""Whether XNNPACK will run a network's 1x1 convolutions sparsely: its conditions on the graph, checked on Keras layers.

From the source of XNNPACK (subgraph rewrite for NCHW) in August 2026: a cluster of layers switches to channels first and
sparse kernels as a whole or not at all. It starts with a 3x3 convolution of stride 2 on three channels, padded by one on
all sides, goes on through 1x1 and depthwise convolutions, sums, products and activations, and ends in a mean over the map.
Its 1x1 kernels together must be more than two thirds zero.
"""

import dataclasses

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsparse.doctor.conditions import problem_of, start_problem

_L = keras.layers
_ENDS = (_L.GlobalAveragePooling2D,)


@dataclasses.dataclass(frozen=True)
class Chain:
    """The 1x1 convolutions that run sparsely, or what prevents it.

    Args:
        paths: of the layers.
        spoiler: path of the first layer that does not fit; None: all do.
        remedy: what to change.
    """

    paths: frozenset
    spoiler: str | None
    remedy: str


def find_chain(surgery):
    """Finds the chain of layers that a network runs with channels first.

    Args:
        surgery: `Surgery` of it.

    Returns:
        `Chain`.
    """
    start = next((call for call in surgery.calls if isinstance(call.layer, _L.Conv2D) and _maps(call)), None)
    if start is None:
        return Chain(frozenset(), surgery.calls[0].path, "there is no convolution.")
    problem = start_problem(surgery, start)
    if problem:
        return Chain(frozenset(), start.path, problem)
    return _grow(surgery, start)


def _grow(surgery, start):
    """Walks from the first convolution to the mean over the map."""
    members, known = [], {ref for ref in tf.nest.flatten(start.outputs)}
    ended, after = False, set()
    for call in surgery.calls[surgery.calls.index(start) + 1 :]:
        if after.intersection(call.inputs):
            after.update(tf.nest.flatten(call.outputs))
            if isinstance(call.layer, _L.Conv2D):
                return Chain(
                    frozenset(),
                    call.path,
                    "a convolution after the pooling makes sparse files fail to load: use Dense.",
                )
            continue
        if not known.intersection(call.inputs):
            continue
        if isinstance(call.layer, _ENDS):
            ended = True
            after.update(tf.nest.flatten(call.outputs))
            continue
        problem = problem_of(surgery, call)
        if problem is None and not known.issuperset(call.inputs):
            problem = "it reads a map from outside the chain of fitting layers: lead it through them."
        if problem:
            return Chain(frozenset(), call.path, problem)
        known.update(tf.nest.flatten(call.outputs))
        members.append(call)
    if not ended:
        return Chain(frozenset(), surgery.calls[-1].path, "the chain must end in GlobalAveragePooling2D.")
    points = [call for call in members if isinstance(call.layer, _L.Conv2D)]
    weights = sum(call.layer.kernel.shape.num_elements() for call in points)
    zeros = sum(int(np.count_nonzero(call.layer.kernel.numpy() == 0)) for call in points)
    if zeros * 3 <= weights * 2:
        share = f"{zeros / weights:.0%}" if weights else "none"
        place = points[0].path if points else start.path
        return Chain(
            frozenset(), place, f"{share} of the 1x1 weights are zero: more than 67 % must be, raise the sparsity."
        )
    return Chain(frozenset(call.path for call in points), None, "")


def _maps(call):
    return len(call.inputs) == 1 and len(call.inputs[0].shape) == 4
