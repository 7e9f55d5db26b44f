"""Folds the constants of channels that go into the layers that read them."""

import numpy as np

from tfsparse.compaction.constants import pads
from tfsparse.compaction.weights import kernel_of


def folded(readers, stays):
    """The weights of the large model that make up for channels that go: path -> array, kernels and biases.

    Args:
        readers: list of `Reader`, of a network that is not to be trained.
        stays: boolean array [classes].
    """
    changed = {}
    for reader in readers:
        layer, path = reader.call.layer, reader.call.path
        gone = reader.reads(stays) & ~stays[reader.inputs] & (np.nan_to_num(reader.constant) != 0)
        if not gone.any():
            continue
        kernel = kernel_of(layer)
        if pads(reader.call):
            changed[f"{path}/kernel"] = _carried(kernel, reader, gone, stays).astype("float32")
        else:
            sums = kernel.sum(axis=tuple(range(kernel.ndim - 2)))
            bias = layer.bias.numpy() if layer.use_bias else 0.0
            changed[f"{path}/bias"] = (bias + reader.constant[gone] @ sums[gone]).astype("float32")
    return changed


def _carried(kernel, reader, gone, stays):
    """The kernel changed to read the constants `gone` from one channel that stays."""
    carriers = [place for place in reader.carried(stays) if stays[reader.inputs[place]]]
    carrier = max(carriers, key=lambda place: abs(reader.constant[place]))
    share = reader.constant[gone] / reader.constant[carrier]
    kernel[..., carrier, :] += np.einsum("...io,i->...o", kernel[..., gone, :], share)
    return kernel
