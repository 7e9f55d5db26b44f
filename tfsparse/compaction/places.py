"""Where the small model's weights lie in those of the large one."""

import numpy as np

from tfsparse.compaction.weights import kernel_name


def places(channels, stays):
    """path of a weight -> index into the large model's array that gives the small one's, for weights that have channels.

    Args:
        channels: `Channels`.
        stays: boolean array [classes].
    """
    found = {}
    for call, kind in channels.roles.items():
        if kind not in ("mixing", "depthwise", "norm"):
            continue
        (ref,) = call.inputs
        inputs, outputs = (np.flatnonzero(stays[channels.of(r)]) for r in (ref, call.outputs))
        if kind != "norm":
            kernel = getattr(call.layer, kernel_name(call.layer))
            last = outputs if kind == "mixing" else np.arange(kernel.shape[-1])
            found[f"{call.path}/{kernel_name(call.layer)}"] = _block(kernel.shape[:-2], inputs, last)
        for name in ("bias", "gamma", "beta", "moving_mean", "moving_variance"):
            found[f"{call.path}/{name}"] = np.ix_(outputs)
    return found


def _block(sizes, *chosen):
    return np.ix_(*(np.arange(size) for size in sizes), *chosen)
