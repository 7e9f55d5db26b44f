"""Which channels the inputs of a network reach through the live weights of a mask."""

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsparse.compaction.roles import OTHER, of_all_outputs, role
from tfsparse.compaction.weights import live_weights, uses

# The kernels that give the outputs of convolutions whose channels compaction does not follow: grouped and separable ones.
_LAST_KERNEL = {keras.layers.Conv1D: "kernel", keras.layers.Conv2D: "kernel", keras.layers.Conv3D: "kernel"}
_LAST_KERNEL |= {keras.layers.SeparableConv1D: "pointwise_kernel", keras.layers.SeparableConv2D: "pointwise_kernel"}


def arrivals(surgery, mask):
    """Follows the inputs through live weights. Channels that they do not reach are constants, whatever the training does.

    All outputs of a layer of unknown kind count as reached, except the filters of a convolution that have no live weight.

    Args:
        surgery: `Surgery`.
        mask: `Mask`; a weight that is not in it counts as live.

    Returns:
        number of a `Ref` -> boolean array [channels].
    """
    live = live_weights(mask)
    found = {ref.number: np.ones(ref.width, bool) for ref in surgery.inputs}
    for call in surgery.calls:
        given = [found[ref.number] for ref in call.inputs]
        for ref in tf.nest.flatten(call.outputs):
            found[ref.number] = _after(call, given, ref.width, live, mask)
    return found


def _after(call, given, width, live, mask):
    kind = OTHER if of_all_outputs(call) else role(call)
    if kind in ("mixing", "depthwise"):
        reached = uses(live(call.path, call.layer)) & given[0][:, None]
        return reached.any(0) if kind == "mixing" else reached.ravel()
    if kind == "concatenate":
        return np.concatenate(given)
    if kind == "flatten":
        return np.tile(given[0], width // len(given[0]))
    if kind != OTHER:
        return np.any(given, axis=0)
    kernel = mask.get(f"{call.path}/{_LAST_KERNEL.get(type(call.layer))}")
    if kernel is None or kernel.shape[-1] != width:  # channels_first: the last axis is a place
        return np.ones(width, bool)
    return kernel.any(axis=tuple(range(kernel.ndim - 1)))
