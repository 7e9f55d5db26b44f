"""Which calls are plain ReLUs."""

import tensorflow as tf
import tf_keras as keras

from tfsparse.surgery.calls import RELU, operation


def relu_limit(call):
    """The maximum of the plain ReLU that `call` computes (`inf` if it has none); None if it is something else."""
    layer = call.layer
    if type(layer) is keras.layers.ReLU and not float(layer.threshold) and not float(layer.negative_slope):
        return float("inf") if layer.max_value is None else float(layer.max_value)
    if type(layer) is keras.layers.Activation:  # a derived class may do more
        return float("inf") if layer.activation in RELU else 6.0 if layer.activation is tf.nn.relu6 else None
    return {"nn.relu": float("inf"), "nn.relu6": 6.0}.get(operation(call))
