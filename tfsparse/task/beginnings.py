"""What a network does to its images before the first layer with weights."""

import tensorflow as tf
import tf_keras as keras

from tfsparse.task.endings import function_name

PREPROCESSING = (keras.layers.Rescaling, keras.layers.Normalization)
_AFFINE = ("add", "subtract", "multiply", "truediv", "bias_add")


def constant_operations(model):
    """Ids of the operations that add or multiply constants between the inputs and the first layers with weights, as
    `preprocess_input` of `keras.applications` does.

    >>> inputs = keras.Input((4,))
    >>> model = keras.Model(inputs, keras.layers.Dense(2)(inputs / 127.5 - 1) + 1)
    >>> [function_name(layer) for layer in model.layers if id(layer) in constant_operations(model)]
    ['truediv', 'subtract']
    """
    passed, found = set(), set()
    for layer in model.layers:  # in the order in which they are computed
        nodes = layer.inbound_nodes
        sources = [tensor.node.layer for node in nodes for tensor in tf.nest.flatten(node.keras_inputs)]
        if not sources or not all(id(one) in passed or isinstance(one, keras.layers.InputLayer) for one in sources):
            continue
        if isinstance(layer, keras.Model):
            found |= constant_operations(layer)
        elif isinstance(layer, PREPROCESSING) or type(layer).__name__ == "SlicingOpLambda":  # RGB as BGR
            passed.add(id(layer))
        elif (
            function_name(layer) in _AFFINE
            and len(sources) == 1
            and next(iter(nodes[0].call_args), None) is nodes[0].keras_inputs[0]
        ):
            passed.add(id(layer))
            found.add(id(layer))
    return found
