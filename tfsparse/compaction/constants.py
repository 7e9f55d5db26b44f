"""Channels that have the same value for every input and at every place."""

import collections
import functools

import numpy as np
import tensorflow as tf

from tfsparse.compaction.roles import OTHER, function, of_all_outputs
from tfsparse.compaction.weights import kernel_of, uses
from tfsparse.surgery import relu_limit

_READING = ("mixing", "depthwise")
_MERGED = {
    "add": np.add,
    "subtract": np.subtract,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "multiply": np.multiply,
}


class Constants:
    """The value of every channel that is constant: `values[ref.number]`, float64 [channels], NaN where it is not.

    Args:
        surgery: `Surgery`.
        channels: `Channels` of it.
        live: (path, layer) -> boolean array of the weights that count.
        training: whether the network is to be trained further. Then a constant that a kernel or several calls read counts
            only if training cannot move it: `settled[ref.number]`, boolean [channels]. Settled are zeros that only dead
            weights lead to, and what a ReLU cuts off: no gradient passes the ReLU, and nothing else reads its input.
    """

    def __init__(self, surgery, channels, live, training):
        self.live, self.training = live, training
        reads = collections.Counter(ref.number for call in surgery.calls for ref in {*call.inputs})
        reads.update(ref.number for ref in tf.nest.flatten(surgery.outputs))
        calls = collections.Counter(id(call.layer) for call in surgery.calls)
        self.values, self.settled = {}, {}
        for ref in surgery.inputs:
            self._set(ref, *self._unknown(ref))
        for call in surgery.calls:
            given = [(self.values[ref.number], self.settled[ref.number]) for ref in call.inputs]
            kind = channels.roles[call]
            alone = calls[id(call.layer)] == 1 and all(reads[ref.number] == 1 for ref in call.inputs)
            if training and (kind in _READING or not alone):
                given = [(np.where(settled, values, np.nan), settled) for values, settled in given]
            for ref in tf.nest.flatten(call.outputs):
                unknown = kind == OTHER or (kind == "mixing" and of_all_outputs(call))
                self._set(ref, *(self._unknown(ref) if unknown else self._after(call, kind, given)))

    def _set(self, ref, values, settled):
        self.values[ref.number], self.settled[ref.number] = values, settled & ~np.isnan(values)

    def _unknown(self, ref):
        return np.full(ref.width, np.nan), np.zeros(ref.width, bool)

    def _after(self, call, kind, given):
        values, settled = given[0]
        if kind in ("mixing", "depthwise"):
            return self._convolved(call, kind, values, settled)
        if kind == "norm":
            return self._normalised(call, values, settled)
        if kind == "activation":
            return self._activated(call, values, settled)
        if kind == "padding" or (kind == "noise" and self.training):
            return np.where(values == 0, 0.0, np.nan), settled
        if kind == "concatenate":
            return tuple(np.concatenate(part) for part in zip(*given, strict=True))
        if kind == "flatten":
            times = call.outputs.shape[-1] // len(values)
            return np.tile(values, times), np.tile(settled, times)
        return _merged(kind, given) if len(given) > 1 else given[0]

    def _convolved(self, call, kind, values, settled):
        kernel = kernel_of(call.layer) * self.live(call.path, call.layer)
        sums = kernel.sum(axis=tuple(range(kernel.ndim - 2)))
        used = uses(self.live(call.path, call.layer))
        zero = values == 0
        # At the border a padded kernel meets zeros where the constant should be.
        steady = zero if pads(call) else ~np.isnan(values)
        filled = np.where(steady, values, 0.0)
        if kind == "depthwise":
            known, still = steady[:, None] | ~used, (zero & settled)[:, None] | ~used
            result = (sums * filled[:, None]).ravel()
            known, still = known.ravel(), still.ravel()
        else:
            known, still = ~(used & ~steady[:, None]).any(0), ~(used & ~(zero & settled)[:, None]).any(0)
            result = filled @ sums
        if call.layer.use_bias:
            result, still = result + call.layer.bias.numpy().astype("float64"), np.zeros_like(still)
        return np.where(known, _mapped(function(call), result), np.nan), still

    def _normalised(self, call, values, settled):
        layer = call.layer
        numbers = {w.name.split(":")[0].rsplit("/", 1)[-1]: w.numpy().astype("float64") for w in layer.weights}
        gamma, beta = numbers.get("gamma", 1.0), numbers.get("beta", np.zeros(len(values)))
        inferred = (
            gamma * (values - numbers["moving_mean"]) / np.sqrt(numbers["moving_variance"] + layer.epsilon) + beta
        )
        if not self.training:
            return inferred, settled
        # With batch statistics it is beta, so it counts only if it is beta with the moving averages too.
        return np.where(abs(inferred - beta) < 1e-5, beta, np.nan), np.zeros_like(settled)

    def _activated(self, call, values, settled):
        if relu_limit(call) is not None:
            settled = settled | (values <= 0)
        return _mapped(function(call), values), settled


def pads(call):
    """Whether the kernel of `call` meets zeros that surround its input."""
    sizes = getattr(call.layer, "kernel_size", (1,))
    return max(sizes) > 1 and call.layer.padding != "valid"


def _mapped(change, values):
    """`change` of every number that is not NaN, of which a ReLU would make 0."""
    mapped = change(tf.constant(np.nan_to_num(values)[None])).numpy()[0].astype("float64")
    return np.where(np.isnan(values), np.nan, mapped)


def _merged(kind, given):
    values, settled = (np.stack(part) for part in zip(*given, strict=True))
    if kind == "average":
        return values.mean(0), settled.all(0)
    merged = functools.reduce(_MERGED[kind], values)
    if kind != "multiply":
        return merged, settled.all(0)
    zero = values == 0  # a product with it is 0
    return np.where(zero.any(0), 0.0, merged), (zero & settled).any(0) | settled.all(0)
