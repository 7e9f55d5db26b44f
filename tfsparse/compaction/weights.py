"""Kernels of the layers that compaction knows."""

import numpy as np

KERNELS = {"DepthwiseConv1D": "depthwise_kernel", "DepthwiseConv2D": "depthwise_kernel"}


def kernel_name(layer):
    """`"kernel"`, or what the layer calls it."""
    return KERNELS.get(type(layer).__name__, "kernel")


def kernel_of(layer):
    """The layer's kernel, float64 [..., inputs, outputs] (depthwise: [..., channels, multiplier])."""
    return getattr(layer, kernel_name(layer)).numpy().astype("float64")


def uses(live):
    """Whether an output reads an input anywhere: boolean [inputs, outputs] of a kernel's live weights."""
    return np.any(live, axis=tuple(range(live.ndim - 2)))


def live_weights(mask):
    """(path, layer) -> boolean array, which weights of the layer's kernel live; without mask, which are not 0."""

    def live(path, layer):
        if mask is None:
            return kernel_of(layer) != 0
        array = mask.get(f"{path}/{kernel_name(layer)}")
        return np.ones(getattr(layer, kernel_name(layer)).shape, bool) if array is None else array

    return live
