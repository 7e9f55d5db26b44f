"""What a Keras graph is made of: tensors, and calls of layers."""

import dataclasses

import tensorflow as tf
import tf_keras as keras

RELU = (keras.activations.relu, tf.nn.relu)  # as an `activation`, either is common


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
        changes: what differs in the copy's configuration.
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
    """The name of the TensorFlow function that `call` applies (`"nn.relu"`, `"math.add"`); None if it calls a layer."""
    return getattr(call.layer, "symbol", None) if type(call.layer).__name__ == "TFOpLambda" else None
