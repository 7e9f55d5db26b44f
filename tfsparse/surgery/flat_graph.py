"""What a Keras graph computes, as a flat list of calls of layers."""

import inspect

import tensorflow as tf
import tf_keras as keras
from tf_keras.src.layers.core import TFOpLambda

from tfsparse import paths
from tfsparse.graph import require_graph
from tfsparse.surgery.calls import RELU, Call, Ref

# Recognised by their exact class: a derived one may do anything with its activations.
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


class FlatGraph:
    """The graph of a model, including nested models, as a flat list of calls of layers.

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
        self.calls = self._leading_to_outputs()

    def _leading_to_outputs(self):
        """The calls that the model's outputs depend on: a nested model may give more outputs than the outer one takes."""
        read, found = set(tf.nest.flatten(self.outputs)), []
        for call in reversed(self.calls):
            if read.intersection(tf.nest.flatten(call.outputs)):
                read.update(call.inputs)
                found.append(call)
        return found[::-1]

    def _walk(self, model, env, prefix, context):
        """Appends the calls below `model`; `env` has the Refs of its input tensors. Returns the Refs of its outputs."""
        for depth in sorted(model._nodes_by_depth, reverse=True):
            for node in model._nodes_by_depth[depth]:
                if not node.is_input:
                    args, kwargs = _refer(_training_by_name(node), env)
                    if kwargs.get("training") is None:  # what the layer itself was told takes precedence
                        kwargs = {**kwargs, **context}
                    outputs = self._visit(node, args, kwargs, prefix)
                    for tensor, ref in zip(tf.nest.flatten(node.outputs), tf.nest.flatten(outputs), strict=True):
                        env[id(tensor)] = ref
        return tf.nest.map_structure(lambda tensor: env[id(tensor)], model._nested_outputs)

    def _visit(self, node, args, kwargs, prefix):
        layer, path = node.layer, prefix + node.layer.name
        if isinstance(layer, keras.Model):
            require_graph(layer, f"Changing the graph inside {self.model.name!r}")
            in_order = layer._flatten_to_reference_inputs  # a dict is matched by names
            refs, given = in_order(_first(args, kwargs)), in_order(_first(node.call_args, node.call_kwargs))
            rows = zip(layer.inputs, refs, given, strict=True)
            env = {id(inside): self._cast(ref, tensor.dtype, inside.dtype, path) for inside, ref, tensor in rows}
            # A nested model called with training=False (frozen features) passes that on to its layers.
            return self._walk(layer, env, path + "/", {k: v for k, v in kwargs.items() if k == "training"})
        path = self._paths[id(layer)]  # for a layer shared by several models, the path that its weights have
        if "training" in kwargs and not layer._expects_training_arg:
            kwargs = {k: v for k, v in kwargs.items() if k != "training"}
        outputs = tf.nest.map_structure(self._ref, node.outputs)
        if type(layer) in _MAY_FUSE and layer.activation in RELU and layer.activity_regularizer is None:
            middle = self._ref(node.outputs)  # (an activity regularizer means the activations after the ReLU)
            self.calls.append(Call(path, layer, args, kwargs, middle, {"activation": "linear"}))
            relu = self.fused.setdefault(id(layer), keras.layers.ReLU(dtype=layer.dtype_policy))
            path, layer, args, kwargs = f"{path}/relu", relu, (middle,), {}
        self.calls.append(Call(path, layer, args, kwargs, outputs))
        return outputs

    def _cast(self, ref, given, taken, path):
        """`ref` in the dtype that a nested model takes; Keras casts what it is given, even whole numbers to floats."""
        if given == taken:
            return ref
        cast = Ref(self._count + 1, ref.shape)
        self._count += 1
        layer = TFOpLambda(tf.cast)
        self.calls.append(Call(f"{path}/{layer.name}{cast.number}", layer, (ref,), {"dtype": taken.name}, cast))
        return cast

    def _ref(self, tensor):
        self._count += 1
        return Ref(self._count, tuple(tensor.shape))


def _training_by_name(node):
    """(args, kwargs) of a call; positional arguments from `training` on are given by name, as of `model(x, False)`."""
    known = inspect.signature(node.layer.call).parameters
    names = list(known)
    by_place = "training" in known and known["training"].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    first = names.index("training") if by_place else len(node.call_args)
    by_place = dict(zip(names[first:], node.call_args[first:], strict=False))
    return node.call_args[:first], {**by_place, **node.call_kwargs}


def _first(args, kwargs):
    return args[0] if args else kwargs["inputs"]


def _refer(structure, env):
    return tf.nest.map_structure(lambda leaf: env.get(id(leaf), leaf), structure)
