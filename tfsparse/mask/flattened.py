"""Which dense layers read a flattened image: PyTorch flattens (channels, height, width), Keras (height, width, channels)."""

import math

import tensorflow as tf
import tf_keras as keras

from tfsparse import paths
from tfsparse.graph import is_graph

_KEEP_ORDER = (keras.layers.BatchNormalization, keras.layers.LayerNormalization, keras.layers.PReLU)
_CONVOLUTIONS_1D = (keras.layers.Conv1D, keras.layers.DepthwiseConv1D, keras.layers.SeparableConv1D)
_CHANNELS_FIRST = "channels first"


def flattened_images(model):
    """The images that dense layers of `model` read flattened, with channels last: id of the layer -> (places ..., channels).

    Left out: images whose order is the same in PyTorch (one pixel, one channel, or permuted to channels first before), and
    sequences (length, channels), unless the model has convolutions over sequences. The graph must show the way: a subclassed
    model has no graph, and functions such as `tf.reshape` and concatenations are not seen through.

    >>> head = keras.layers.Dense(2, name="head")
    >>> model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dropout(0.5), head])
    >>> flattened_images(model) == {id(head): (4, 4, 3)}
    True
    """
    found = {}
    _walk(model, [None] * len(getattr(model, "inputs", None) or []), found)
    sequences = any(isinstance(layer, _CONVOLUTIONS_1D) for _, layer in paths.layers(model))
    return {
        layer: image
        for layer, image in found.items()
        if math.prod(image[:-1]) > 1 and image[-1] > 1 and (len(image) > 2 or sequences)
    }


def _walk(model, given, found):
    """Follows what is known of each tensor (an image that it is, flattened; or that its channels come first) through a model.

    Args:
        model: outer or nested model.
        given: what is known of its inputs.
        found: is filled: id of dense layer -> image.

    Returns:
        What is known of its outputs.
    """
    if not is_graph(model) or not hasattr(model, "_nodes_by_depth"):
        return [None]
    known = {id(tensor): one for tensor, one in zip(model.inputs, given, strict=False)}
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in [node for node in model._nodes_by_depth[depth] if not node.is_input]:
            inputs, layer = tf.nest.flatten(node.keras_inputs), paths.unwrap(node.layer)
            states = [known.get(id(tensor)) for tensor in inputs]
            if not inputs:
                continue
            if isinstance(layer, keras.Model):
                after = _walk(layer, states, found)
            else:
                after = [_after(layer, inputs[0], node.outputs, states, found)]
            known.update(zip(map(id, tf.nest.flatten(node.outputs)), after, strict=False))
    return [known.get(id(tensor)) for tensor in model.outputs]


def _after(layer, tensor, output, states, found):
    """What is known of a layer's output; notes the image if it is a dense layer that reads one."""
    state = states[0] if all(one == states[0] for one in states) else None
    shape = tuple(tensor.shape[1:])
    if isinstance(layer, keras.layers.Dense):
        if isinstance(state, tuple):
            found[id(layer)] = state
        return None
    if isinstance(layer, keras.layers.Permute):
        turns = layer.dims == (len(shape), *range(1, len(shape)))
        return _CHANNELS_FIRST if turns and len(shape) > 1 and state is None else None
    if isinstance(layer, keras.layers.Flatten | keras.layers.Reshape) and len(shape) > 1:
        flat = len(output.shape) == 2
        if not flat or state == _CHANNELS_FIRST or None in shape:
            return None
        # Keras' Flatten turns channels that come first to the end.
        return (*shape[1:], shape[0]) if getattr(layer, "data_format", None) == "channels_first" else shape
    keeps = isinstance(layer, _KEEP_ORDER) or not layer.weights
    return state if keeps and hasattr(output, "shape") and tuple(output.shape[1:]) == shape else None
