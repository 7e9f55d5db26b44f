"""`Surgery`: changes to a graph, and the changed copy."""

import tensorflow as tf
import tf_keras as keras

from tfsparse.counterparts import copy_flags, copy_weights, frozen_from_outside, require_separate
from tfsparse.graph import copy_layer, require_graph
from tfsparse.surgery.calls import Ref, operation
from tfsparse.surgery.flat_graph import FlatGraph


class Surgery:
    """Changes to the graph of one model, and the changed copy.

    Args:
        model: built functional or Sequential tf_keras model; left as it is.
        purpose: what needs the graph; opens the error message.
        dtype: Keras dtype policy of the copy's layers, such as `"mixed_bfloat16"`; None: as in the original. The layers
            that give the outputs keep theirs (half precision is too little for logits), and outputs are float32. Keras'
            Normalization keeps its own too, since its statistics would be rounded; its output has the policy's precision.

    A ReLU fused into a convolution or dense layer (`activation="relu"`) becomes a call of its own, so that it can be
    dressed like any other.

    Raises:
        ValueError: the model is subclassed: its graph cannot be seen; or two of its layers share a variable or a path.
    """

    def __init__(self, model, purpose="Changing a model's graph", dtype=None):
        require_graph(model, purpose)
        require_separate(model)
        self.model, self.dtype = model, dtype
        self._after = {}
        self._instead = {}
        graph = FlatGraph(model)
        self.inputs, self.calls, self.outputs = graph.inputs, graph.calls, graph.outputs
        stopped = frozen_from_outside(model) | {id(call.layer) for call in self.calls if not call.layer.trainable}
        self._stopped = stopped | {id(relu) for owner, relu in graph.fused.items() if owner in stopped}

    def trains(self, call):
        """Whether the layer of `call` is trained: not where it, or a model around it, has `trainable=False`."""
        return id(call.layer) not in self._stopped

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
        return call.layer.dtype_policy if self.dtype is None or last or _keeps_statistics(call) else self.dtype

    def build(self, transfer=copy_weights):
        """The changed copy; `transfer(model, copy)` gives it its weights."""
        names = [tensor.node.layer.name for tensor in self.model.inputs]
        tensors = {
            ref.number: keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)
            for ref, tensor, name in zip(self.inputs, self.model.inputs, names, strict=True)
        }
        inputs, copies = list(tensors.values()), {}
        for call in self.calls:
            args, kwargs = _fill((call.args, call.kwargs), tensors)
            if self.dtype is not None and operation(call):
                args, kwargs = _in_one_precision(args, kwargs)
            if call in self._instead:
                given = [tensors[ref.number] for ref in call.inputs]  # also if passed by name: tf.nn.relu(features=x)
                outputs = self._instead[call](*given, lambda ref: tensors[ref.number])
            else:
                if id(call.layer) not in copies:
                    policy = {} if self.dtype is None else {"dtype": self.policy(call)}
                    copies[id(call.layer)] = copy_layer(call.layer, name=call.path, **call.changes, **policy)
                outputs = copies[id(call.layer)](*args, **kwargs)
                if self.dtype is not None and _keeps_statistics(call):
                    outputs = keras.layers.Activation("linear", dtype=self.dtype)(outputs)
            for change in self._after.get(call, []):
                outputs = change(outputs, lambda ref: tensors[ref.number])
            for ref, tensor in zip(tf.nest.flatten(call.outputs), tf.nest.flatten(outputs), strict=True):
                tensors[ref.number] = tensor
        outputs = tf.nest.map_structure(self._full_precision, _fill(self.outputs, tensors))
        copy = keras.Model(tf.nest.pack_sequence_as(self.model._nested_inputs, inputs), outputs, name=self.model.name)
        copy.output_names = list(self.model.output_names)  # losses and labels are given by these names
        self._tell_what_is_trained(copies)
        transfer(self.model, copy)
        return copy

    def _tell_what_is_trained(self, copies):
        """The copy has no nested models: what `trainable=False` on one of them said, its layers must say."""
        stopped = frozen_from_outside(self.model)
        for layer in {id(call.layer): call.layer for call in self.calls if id(call.layer) in copies}.values():
            copy_flags(layer, copies[id(layer)])
            if id(layer) in stopped:
                copies[id(layer)]._trainable = False

    def _full_precision(self, output):
        if self.dtype is None or output.dtype not in (tf.bfloat16, tf.float16):
            return output
        return keras.layers.Activation("linear", dtype="float32", name=f"float32_{output.node.layer.name}")(output)


def _keeps_statistics(call):
    return isinstance(call.layer, keras.layers.Normalization)


def _in_one_precision(args, kwargs):
    """The arguments of a TensorFlow function, floating ones cast to the lowest precision that a symbolic one has: constants of
    the graph (`x + tf.constant(...)`) and casts to float32 have the original's. (TensorFlow itself converts arrays.)"""
    symbolic = lambda leaf: hasattr(leaf, "_keras_history")  # noqa: E731
    dtypes = [leaf.dtype for leaf in tf.nest.flatten((args, kwargs)) if symbolic(leaf) and leaf.dtype.is_floating]
    lowest = min(dtypes, key=lambda dtype: dtype.size, default=None)

    def cast(leaf):
        floating = (symbolic(leaf) or tf.is_tensor(leaf)) and leaf.dtype.is_floating
        return tf.cast(leaf, lowest) if lowest and floating and leaf.dtype != lowest else leaf

    return tf.nest.map_structure(cast, (args, kwargs))


def _fill(structure, tensors):
    return tf.nest.map_structure(lambda leaf: tensors[leaf.number] if isinstance(leaf, Ref) else leaf, structure)
