"""Rebuilds a Keras graph with changes: nested models laid flat, layers dressed or replaced, weights kept.

    surgery = Surgery(model)
    for call in surgery.calls:
        if isinstance(call.layer, keras.layers.ReLU):
            surgery.replace(call, lambda inputs, tensor: keras.activations.swish(inputs))
    changed = surgery.build()

The copy's layers are named by their path in the original, so that weights of both have the same paths.
"""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from tfsparse import paths
from tfsparse.graph import copy_layer, copy_weights, require_graph

RELU = (keras.activations.relu, tf.nn.relu)  # as an `activation`, either is common

_MAY_FUSE = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D, keras.layers.Dense)
_MAY_FUSE += (keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D, keras.layers.EinsumDense)


@dataclasses.dataclass(frozen=True)
class Ref:
    """Stands for one tensor of the graph."""

    number: int
    shape: tuple


@dataclasses.dataclass(eq=False)
class Call:
    """One call of one layer.

    Args:
        path: the layer's path from the outside in.
        layer: the layer in the original model.
        args: positional arguments, `Ref` in place of tensors.
        kwargs: keyword arguments, likewise.
        outputs: `Ref` or a structure of them.
        changes: what the copy's configuration has different.
    """

    path: str
    layer: keras.layers.Layer
    args: tuple
    kwargs: dict
    outputs: object
    changes: dict = dataclasses.field(default_factory=dict)

    @property
    def inputs(self):
        """The `Ref`s that the call reads, in order."""
        return [leaf for leaf in tf.nest.flatten((self.args, self.kwargs)) if isinstance(leaf, Ref)]


class Surgery:
    """Changes to the graph of one model, and the changed copy.

    Args:
        model: built functional or Sequential tf_keras model; left as it is.
        purpose: what needs the graph; opens the error message.
        dtype: Keras dtype policy of the copy's layers, such as `"mixed_bfloat16"`; None: as in the original. The layers
            that give the outputs keep theirs (half a precision is too little for logits), and outputs are float32.

    A ReLU fused into a convolution or dense layer (`activation="relu"`) becomes a call of its own, so that it can be
    dressed like any other.

    Raises:
        ValueError: the model is subclassed: its graph cannot be seen.
    """

    def __init__(self, model, purpose="Changing a model's graph", dtype=None):
        require_graph(model, purpose)
        self.model, self.dtype = model, dtype
        self.calls = []
        self._count = 0
        self._paths = {id(layer): path for path, layer in paths.layers(model)}
        self._fused = {}
        self._after = {}
        self._instead = {}
        self.inputs = [self._ref(tensor) for tensor in model.inputs]
        env = {id(t): ref for t, ref in zip(model.inputs, self.inputs, strict=True)}
        self.outputs = self._walk(model, env, "", {})

    def consumers(self, ref):
        """The calls that read `ref`."""
        return [call for call in self.calls if ref in call.inputs]

    def producer(self, ref):
        """The call that makes `ref`; None for an input of the model."""
        return next((call for call in self.calls if ref in tf.nest.flatten(call.outputs)), None)

    def after(self, call, change):
        """Lets the graph go on with `change(output, tensor)` after `call`; `tensor(ref)` is the copy's tensor."""
        self._after.setdefault(call, []).append(change)

    def replace(self, call, change):
        """Computes `change(*inputs, tensor)` instead of `call`, a call of a layer without weights."""
        self._instead[call] = change

    def policy(self, call):
        """The dtype policy of the copy's layer for `call`, and of what is added there."""
        last = any(ref in tf.nest.flatten(self.outputs) for ref in tf.nest.flatten(call.outputs))
        return call.layer.dtype_policy if self.dtype is None or last else self.dtype

    def build(self):
        """The changed copy, the weights copied."""
        names = [tensor.node.layer.name for tensor in self.model.inputs]
        tensors = {
            ref.number: keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)
            for ref, tensor, name in zip(self.inputs, self.model.inputs, names, strict=True)
        }
        inputs, copies = list(tensors.values()), {}
        for call in self.calls:
            args, kwargs = _fill((call.args, call.kwargs), tensors)
            if call in self._instead:
                given = [tensors[ref.number] for ref in call.inputs]  # also if passed by name: tf.nn.relu(features=x)
                outputs = self._instead[call](*given, lambda ref: tensors[ref.number])
            else:
                if id(call.layer) not in copies:
                    policy = {} if self.dtype is None else {"dtype": self.policy(call)}
                    copies[id(call.layer)] = copy_layer(call.layer, name=call.path, **call.changes, **policy)
                outputs = copies[id(call.layer)](*args, **kwargs)
            for change in self._after.get(call, []):
                outputs = change(outputs, lambda ref: tensors[ref.number])
            for ref, tensor in zip(tf.nest.flatten(call.outputs), tf.nest.flatten(outputs), strict=True):
                tensors[ref.number] = tensor
        outputs = tf.nest.map_structure(self._full_precision, _fill(self.outputs, tensors))
        copy = keras.Model(tf.nest.pack_sequence_as(self.model._nested_inputs, inputs), outputs, name=self.model.name)
        copy_weights(self.model, copy)
        return copy

    def _full_precision(self, output):
        if self.dtype is None or output.dtype not in (tf.bfloat16, tf.float16):
            return output
        return keras.layers.Activation("linear", dtype="float32", name=f"float32_{output.node.layer.name}")(output)

    def _walk(self, model, env, prefix, context):
        """Appends the calls below `model`; `env` has the Refs of its input tensors. Returns the Refs of its outputs."""
        for depth in sorted(model._nodes_by_depth, reverse=True):
            for node in model._nodes_by_depth[depth]:
                if not node.is_input:
                    args, kwargs = _refer((node.call_args, node.call_kwargs), env)
                    if kwargs.get("training") is None:  # what the layer itself was told goes before
                        kwargs = {**kwargs, **context}
                    outputs = self._visit(node, args, kwargs, prefix)
                    for tensor, ref in zip(tf.nest.flatten(node.outputs), tf.nest.flatten(outputs), strict=True):
                        env[id(tensor)] = ref
        return tf.nest.map_structure(lambda tensor: env[id(tensor)], model._nested_outputs)

    def _visit(self, node, args, kwargs, prefix):
        layer, path = node.layer, prefix + node.layer.name
        if isinstance(layer, keras.Model):
            require_graph(layer, f"Changing the graph inside {self.model.name!r}")
            refs = [leaf for leaf in tf.nest.flatten((args, kwargs)) if isinstance(leaf, Ref)]
            env = {id(tensor): ref for tensor, ref in zip(layer.inputs, refs, strict=True)}
            # A nested model called with training=False (frozen features) passes that on to its layers.
            return self._walk(layer, env, path + "/", {k: v for k, v in kwargs.items() if k == "training"})
        path = self._paths[id(layer)]  # of a layer shared by several models, the path that its weights have
        if "training" in kwargs and not layer._expects_training_arg:
            kwargs = {k: v for k, v in kwargs.items() if k != "training"}
        outputs = tf.nest.map_structure(self._ref, node.outputs)
        if isinstance(layer, _MAY_FUSE) and layer.activation in RELU:
            middle = self._ref(node.outputs)
            self.calls.append(Call(path, layer, args, kwargs, middle, {"activation": "linear"}))
            relu = self._fused.setdefault(id(layer), keras.layers.ReLU(dtype=layer.dtype_policy))
            path, layer, args, kwargs = f"{path}/relu", relu, (middle,), {}
        self.calls.append(Call(path, layer, args, kwargs, outputs))
        return outputs

    def _ref(self, tensor):
        self._count += 1
        return Ref(self._count, tuple(tensor.shape))


def operation(call):
    """The name of the TensorFlow function that `call` applies (`"nn.relu"`, `"math.add"`); None if it is a layer's."""
    return getattr(call.layer, "symbol", None) if type(call.layer).__name__ == "TFOpLambda" else None


def _refer(structure, env):
    return tf.nest.map_structure(lambda leaf: env.get(id(leaf), leaf), structure)


def _fill(structure, tensors):
    return tf.nest.map_structure(lambda leaf: tensors[leaf.number] if isinstance(leaf, Ref) else leaf, structure)
