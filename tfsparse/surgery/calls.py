"""What a Keras graph computes, as a flat list of calls of layers."""

import dataclasses
import inspect

import tensorflow as tf
import tf_keras as keras

from tfsparse import paths
from tfsparse.graph import require_graph

RELU = (keras.activations.relu, tf.nn.relu)  # as an `activation`, either is common

# Known by their very class: one that is derived may do anything with what it has activated.
_MAY_FUSE = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.Dense,
    keras.layers.EinsumDense,
)
_MAY_FUSE += (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
_MAY_FUSE += (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
_MAY_FUSE += (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)


@dataclasses.dataclass(frozen=True)
class Ref:
    """Stands for one tensor of the graph."""

    number: int
    shape: tuple

    @property
    def width(self):
        """How many channels it has; 1 where that is not known."""
        return (self.shape[-1] if self.shape else None) or 1


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


def operation(call):
    """The name of the TensorFlow function that `call` applies (`"nn.relu"`, `"math.add"`); None if it is a layer's."""
    return getattr(call.layer, "symbol", None) if type(call.layer).__name__ == "TFOpLambda" else None


class Reader:
    """Takes the graph of a model apart; nested models are looked into.

    Args:
        model: built functional or Sequential tf_keras model.

    Attributes:
        inputs: list of the `Ref`s of the model's inputs.
        outputs: `Ref`s in the structure of the model's outputs.
        calls: list of `Call`, in an order in which they can be computed.
        fused: id of a layer -> the ReLU that was taken out of it.
    """

    def __init__(self, model):
        self.model, self.calls = model, []
        self._count = 0
        self._paths = {id(layer): path for path, layer in paths.layers(model)}
        self.fused = {}
        self.inputs = [self._ref(tensor) for tensor in model.inputs]
        env = {id(t): ref for t, ref in zip(model.inputs, self.inputs, strict=True)}
        self.outputs = self._walk(model, env, "", {})

    def _walk(self, model, env, prefix, context):
        """Appends the calls below `model`; `env` has the Refs of its input tensors. Returns the Refs of its outputs."""
        for depth in sorted(model._nodes_by_depth, reverse=True):
            for node in model._nodes_by_depth[depth]:
                if not node.is_input:
                    args, kwargs = _refer(_training_by_name(node), env)
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
            refs = layer._flatten_to_reference_inputs(args[0] if args else kwargs["inputs"])  # a dict goes by names
            env = {id(tensor): ref for tensor, ref in zip(layer.inputs, refs, strict=True)}
            # A nested model called with training=False (frozen features) passes that on to its layers.
            return self._walk(layer, env, path + "/", {k: v for k, v in kwargs.items() if k == "training"})
        path = self._paths[id(layer)]  # of a layer shared by several models, the path that its weights have
        if "training" in kwargs and not layer._expects_training_arg:
            kwargs = {k: v for k, v in kwargs.items() if k != "training"}
        outputs = tf.nest.map_structure(self._ref, node.outputs)
        if type(layer) in _MAY_FUSE and layer.activation in RELU and layer.activity_regularizer is None:
            middle = self._ref(node.outputs)  # (a regularizer of activities means those behind the ReLU)
            self.calls.append(Call(path, layer, args, kwargs, middle, {"activation": "linear"}))
            relu = self.fused.setdefault(id(layer), keras.layers.ReLU(dtype=layer.dtype_policy))
            path, layer, args, kwargs = f"{path}/relu", relu, (middle,), {}
        self.calls.append(Call(path, layer, args, kwargs, outputs))
        return outputs

    def _ref(self, tensor):
        self._count += 1
        return Ref(self._count, tuple(tensor.shape))


def _training_by_name(node):
    """(args, kwargs) of a call; what is given by its place from `training` on is given by its name: `model(x, False)`."""
    names = list(inspect.signature(node.layer.call).parameters)
    first = names.index("training") if "training" in names else len(node.call_args)
    by_place = dict(zip(names[first:], node.call_args[first:], strict=False))
    return node.call_args[:first], {**by_place, **node.call_kwargs}


def _refer(structure, env):
    return tf.nest.map_structure(lambda leaf: env.get(id(leaf), leaf), structure)
