"""Rebuilds a Keras graph with changes: nested models laid flat, layers dressed or replaced, weights kept.

    surgery = Surgery(model)
    for call in surgery.calls:
        if isinstance(call.layer, keras.layers.ReLU):
            surgery.replace(call, lambda inputs, tensor: keras.activations.swish(inputs))
    changed = surgery.build()

The copy's layers are named by their path in the original, so that weights of both have the same paths.
"""

from tfsparse.surgery.calls import RELU, Call, Ref, operation
from tfsparse.surgery.relu import relu_limit
from tfsparse.surgery.surgery import Surgery

__all__ = ["RELU", "Call", "Ref", "Surgery", "operation", "relu_limit"]
