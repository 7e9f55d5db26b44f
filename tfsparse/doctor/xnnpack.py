"""Whether XNNPACK will run a network's 1x1 convolutions sparsely: its conditions on the graph, checked on Keras layers.

From the source of XNNPACK (subgraph rewrite for NCHW) in August 2026: a cluster of layers goes over to channels first and sparse
kernels altogether or not at all. It starts with a 3x3 convolution of stride 2 on three channels, padded by one on all sides, goes on
through 1x1 and depthwise convolutions, sums, products and activations, and ends in a mean over the map. Its 1x1 kernels together must
be more than two thirds zero.
"""

import dataclasses

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsparse.surgery import operation

_L = keras.layers
_ENDS = (_L.GlobalAveragePooling2D,)
_VANISH = (_L.BatchNormalization, _L.Dropout, _L.SpatialDropout2D)
_UNARY = (_L.ReLU, _L.ELU, _L.LeakyReLU, _L.Activation)
_FUNCTIONS = {"linear", "relu", "relu6", "sigmoid", "elu", "hard_sigmoid", "swish", "silu", "tanh"}
_OPERATIONS = {"nn.relu", "nn.relu6", "math.sigmoid", "nn.silu", "math.add", "__operators__.add", "math.multiply"}
_OPERATIONS |= {"__operators__.mul"}


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The 1x1 convolutions that run sparsely, or what spoils it.

    Args:
        paths: of the layers.
        spoiler: path of the first layer that does not fit; None: all do.
        remedy: what to change.
    """

    paths: frozenset
    spoiler: str | None
    remedy: str


def cluster(surgery):
    """Finds the cluster of a network.

    Args:
        surgery: `Surgery` of it.

    Returns:
        `Cluster`.
    """
    start = next((call for call in surgery.calls if isinstance(call.layer, _L.Conv2D) and _maps(call)), None)
    if start is None:
        return Cluster(frozenset(), surgery.calls[0].path, "there is no convolution.")
    problem = _start_problem(surgery, start)
    if problem:
        return Cluster(frozenset(), start.path, problem)
    return _grow(surgery, start)


def _grow(surgery, start):
    """Walks from the first convolution to the mean over the map."""
    members, known = [], {ref for ref in tf.nest.flatten(start.outputs)}
    ended, after = False, set()
    for call in surgery.calls[surgery.calls.index(start) + 1 :]:
        if after.intersection(call.inputs):
            after.update(tf.nest.flatten(call.outputs))
            if isinstance(call.layer, _L.Conv2D):
                return Cluster(
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
        problem = _problem(surgery, call)
        if problem is None and not known.issuperset(call.inputs):
            problem = "it reads a map from outside the chain of fitting layers: lead it through them."
        if problem:
            return Cluster(frozenset(), call.path, problem)
        known.update(tf.nest.flatten(call.outputs))
        members.append(call)
    if not ended:
        return Cluster(frozenset(), surgery.calls[-1].path, "the chain must end in GlobalAveragePooling2D.")
    points = [call for call in members if isinstance(call.layer, _L.Conv2D)]
    weights = sum(call.layer.kernel.shape.num_elements() for call in points)
    zeros = sum(int(np.count_nonzero(call.layer.kernel.numpy() == 0)) for call in points)
    if zeros * 3 <= weights * 2:
        share = f"{zeros / weights:.0%}" if weights else "none"
        place = points[0].path if points else start.path
        return Cluster(
            frozenset(), place, f"{share} of the 1x1 weights are zero: more than 67 % must be, raise the sparsity."
        )
    return Cluster(frozenset(call.path for call in points), None, "")


def _start_problem(surgery, call):
    layer = call.layer
    if (
        tuple(layer.kernel_size) != (3, 3)
        or tuple(layer.strides) != (2, 2)
        or call.inputs[0].shape[-1] != 3
        or layer.groups != 1
        or tuple(layer.dilation_rate) != (1, 1)
    ):
        return "the first convolution must be 3x3 with stride 2 on 3 channels (as in mobilenet_xnnpack)."
    if layer.padding != "valid" or not _padded(surgery, call, 1):
        return "'same' padding of stride 2 is uneven: use ZeroPadding2D(1) and padding='valid'."
    return None


def _problem(surgery, call):
    """What is wrong with a layer inside the chain; None: it fits."""
    layer = call.layer
    if isinstance(layer, _L.DepthwiseConv2D):
        return _depthwise_problem(surgery, call)
    if isinstance(layer, _L.Conv2D) and type(layer) is _L.Conv2D:
        if tuple(layer.kernel_size) != (1, 1) or tuple(layer.strides) != (1, 1) or layer.groups != 1:
            size = "x".join(map(str, layer.kernel_size))
            return (
                f"a {size} convolution of stride {layer.strides[0]} is never sparse, and keeps the others dense: "
                "split it into a depthwise and a 1x1 convolution."
            )
        return None
    if isinstance(layer, _L.ZeroPadding2D):
        readers = [reader for ref in tf.nest.flatten(call.outputs) for reader in surgery.consumers(ref)]
        if all(isinstance(reader.layer, _L.DepthwiseConv2D) for reader in readers):
            return None
        return "padding is taken up by a depthwise convolution only."
    if isinstance(layer, (_L.Add, _L.Multiply, *_VANISH)) or operation(call) in _OPERATIONS:
        return None
    if isinstance(layer, _UNARY):
        name = keras.activations.serialize(layer.activation) if isinstance(layer, _L.Activation) else "relu"
        return None if name in _FUNCTIONS else f"the activation {name!r} does not fit: use ReLU."
    return f"a {type(layer).__name__} does not fit between 1x1 convolutions: take it out, or end in GlobalAveragePooling2D."


def _depthwise_problem(surgery, call):
    layer = call.layer
    edge = layer.kernel_size[0]
    if (
        tuple(layer.kernel_size) not in ((3, 3), (5, 5))
        or layer.strides[0] not in (1, 2)
        or layer.depth_multiplier != 1
    ):
        return "a depthwise convolution must be 3x3 or 5x5, of stride 1 or 2, multiplier 1."
    even = layer.padding == "same" and layer.strides[0] == 1
    if not even and not (layer.padding == "valid" and _padded(surgery, call, edge // 2)):
        return f"its padding is uneven: use ZeroPadding2D({edge // 2}) and padding='valid'."
    return None


def _padded(surgery, call, width):
    before = surgery.producer(call.inputs[0])
    wanted = ((width, width), (width, width))
    return before is not None and isinstance(before.layer, _L.ZeroPadding2D) and before.layer.padding == wanted


def _maps(call):
    return len(call.inputs) == 1 and len(call.inputs[0].shape) == 4
