"""Which channels of which tensors stay or go together."""

import numpy as np
import tensorflow as tf
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from tfsparse.compaction.roles import OTHER, of_all_outputs, role


class Channels:
    """The channels of all tensors of a graph, in classes of those that stay or go together.

    Args:
        surgery: `Surgery`.
        training: whether the network is to be trained further. What a weight becomes must then not depend on others that may
            go, so two kinds of layer are left alone: with constraints (on a norm over all inputs, say), and with regularised
            activities, whose gradients reach the layers before also through channels that nobody reads.

    Attributes:
        count: number of classes.
        fixed: boolean array [count], True where a class must stay: inputs, outputs, and what unknown layers touch.
        roles: call -> its role.
    """

    def __init__(self, surgery, training=False):
        self.roles = {call: OTHER if training and _bound(call.layer) else role(call) for call in surgery.calls}
        refs = {ref.number: ref for call in surgery.calls for ref in [*call.inputs, *_outputs(call)]}
        refs |= {ref.number: ref for ref in [*surgery.inputs, *tf.nest.flatten(surgery.outputs)]}
        self._atoms, total = {}, 0
        for number, ref in refs.items():
            self._atoms[number] = np.arange(total, total + ref.width)
            total += ref.width
        self._classes, self.count = self._join(total, list(self._ties()))
        self.fixed = np.zeros(self.count, bool)
        for ref in self._kept(surgery):
            self.fixed[self.of(ref)] = True

    def of(self, ref):
        """The classes of a tensor's channels, an int array."""
        return self._classes[self._atoms[ref.number]]

    def _join(self, total, ties):
        a, b = (np.concatenate([np.zeros(0, int), *side]) for side in (zip(*ties, strict=True) if ties else ((), ())))
        count, classes = connected_components(
            coo_matrix((np.ones(len(a)), (a, b)), shape=(total, total)), directed=False
        )
        return classes, count

    def _ties(self):
        first = {}  # call of each layer, to which its later calls are tied
        for call, kind in self.roles.items():
            inputs = [self._atoms[ref.number] for ref in call.inputs]
            outputs = [self._atoms[ref.number] for ref in _outputs(call)]
            before = first.setdefault(id(call.layer), (inputs, outputs))
            if kind != OTHER and (call.layer.weights or hasattr(call.layer, "target_shape")):
                yield from zip([*before[0], *before[1]], [*inputs, *outputs], strict=True)
            if kind == "concatenate":
                yield np.concatenate(inputs), outputs[0]
            elif kind == "depthwise":
                yield np.repeat(inputs[0], len(outputs[0]) // len(inputs[0])), outputs[0]
            elif kind == "flatten":
                yield np.tile(inputs[0], len(outputs[0]) // len(inputs[0])), outputs[0]
            elif kind not in ("mixing", OTHER):
                yield from ((atoms, outputs[0]) for atoms in inputs)

    def _kept(self, surgery):
        yield from [*surgery.inputs, *tf.nest.flatten(surgery.outputs)]
        for call, kind in self.roles.items():
            if kind == OTHER:
                yield from [*call.inputs, *_outputs(call)]
            elif kind == "mixing" and of_all_outputs(call):
                yield call.outputs


def _bound(layer):
    constrained = [f"{name}_constraint" for name in ("kernel", "bias", "depthwise", "beta", "gamma")]
    return any(getattr(layer, name, None) is not None for name in [*constrained, "activity_regularizer"])


def _outputs(call):
    return tf.nest.flatten(call.outputs)
