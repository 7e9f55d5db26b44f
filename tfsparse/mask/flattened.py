"""Which dense layers read a flattened image: PyTorch flattens (channels, height, width), Keras (height, width, channels)."""

import math

import tensorflow as tf
import tf_keras as keras

from tfsparse import paths
from tfsparse.graph import is_graph
from tfsparse.mask.axes import channel_axes
from tfsparse.mask.prunable import prunable

_KEEP_ORDER = (keras.layers.BatchNormalization, keras.layers.LayerNormalization, keras.layers.PReLU)
_CONVOLUTIONS_1D = (keras.layers.Conv1D, keras.layers.DepthwiseConv1D, keras.layers.SeparableConv1D)
_CHANNELS_FIRST = "channels first"
UNSEEN = "unseen"  # for a dense layer whose input is not known
_UNSEEN_SEQUENCE = "unseen sequence"


def flattened_images(model):
    """The images that dense layers of `model` read flattened, with channels last: id of the layer -> (places ..., channels).

    Left out: images whose order is the same in PyTorch (one pixel, one channel, or with channels first), and
    sequences (length, channels), unless the model has convolutions over sequences. This is read from the graph: where that does
    not show it (behind a function such as `tf.reshape` or a concatenation, or in a subclassed model), `UNSEEN` stands for what
    may be a flattened image.

    >>> head = keras.layers.Dense(2, name="head")
    >>> model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dropout(0.5), head])
    >>> flattened_images(model) == {id(head): (4, 4, 3)}
    True
    """
    found = {}
    _walk(model, [None] * len(getattr(model, "inputs", None) or []), found)
    sequences = any(isinstance(layer, _CONVOLUTIONS_1D) for _, layer in paths.layers(model))
    found = {layer: image for layer, image in found.items() if sequences or not _is_sequence(image)}
    unseen = [layer for layer, image in found.items() if image == _UNSEEN_SEQUENCE]
    return found | dict.fromkeys([*unseen, *map(id, _hidden(model))], UNSEEN)


def _is_sequence(image):
    return image == _UNSEEN_SEQUENCE or (isinstance(image, tuple) and len(image) == 2)


def _hidden(model):
    """Dense layers of subclassed models that may read flattened images: no kernel has as many outputs as they have inputs."""
    graphless = [one for _, one in paths.models(model) if not _shows_its_graph(one)]
    if not graphless:
        return []
    layers = {id(layer) for one in graphless for layer in one._flatten_layers(include_self=False)}
    axes, known = channel_axes(model), prunable(model)
    rows = [row for row in paths.owned_weights(model) if row[0] in known and id(row[2]) in layers]
    written = {math.prod(variable.shape[axis] for axis in axes[path][1]) for path, variable, _ in rows}
    convolve = any(variable.shape.rank > 2 for _, variable, _ in rows)
    dense = [owner for _, _, owner in rows if isinstance(owner, keras.layers.Dense)]
    return [layer for layer in dense if convolve and layer.kernel.shape[0] not in written]


def _shows_its_graph(model):
    return is_graph(model) and hasattr(model, "_nodes_by_depth")


def _walk(model, given, found):
    """Follows what is known of each tensor (which image it is, flattened, or that its channels come first) through a model.

    Args:
        model: outer or nested model.
        given: what is known of its inputs.
        found: is filled: id of dense layer -> image.

    Returns:
        What is known of its outputs.
    """
    if not _shows_its_graph(model):
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
    if tensor.shape.rank is None:
        return None
    state = states[0] if all(one == states[0] for one in states) else None
    shape = tuple(tensor.shape[1:])
    if isinstance(layer, keras.layers.Dense):
        if state not in (None, _CHANNELS_FIRST):
            found[id(layer)] = state
        return None
    if isinstance(layer, keras.layers.Permute):
        turns = layer.dims == (len(shape), *range(1, len(shape)))
        return _CHANNELS_FIRST if turns and len(shape) > 1 and state is None else None
    if isinstance(layer, keras.layers.Flatten | keras.layers.Reshape) and len(shape) > 1:
        turned = getattr(layer, "data_format", None) == "channels_first"  # Keras' Flatten puts such channels last
        if len(output.shape) > 2 or None in shape or (state == _CHANNELS_FIRST and not turned):
            return None
        return _of_another_order((*shape[1:], shape[0]) if turned else shape)
    if not hasattr(output, "shape") or output.shape.rank is None:
        return None
    joins = state == _CHANNELS_FIRST and not layer.weights
    if len(output.shape) > 2 and (joins or getattr(layer, "data_format", None) == "channels_first"):
        return _CHANNELS_FIRST
    if (isinstance(layer, _KEEP_ORDER) or not layer.weights) and tuple(output.shape[1:]) == shape:
        return state
    flattens = len(output.shape) == 2 < len(shape) and None not in shape and output.shape[-1] == math.prod(shape)
    flattens = flattens and state != _CHANNELS_FIRST and _of_another_order(shape)
    flattened = [one for one in states if one not in (None, _CHANNELS_FIRST)]
    if layer.weights or not (flattens or flattened):
        return None
    return UNSEEN if flattens or not all(map(_is_sequence, flattened)) else _UNSEEN_SEQUENCE


def _of_another_order(image):
    """`image` if PyTorch flattens it in another order; None if there is only one pixel or one channel."""
    return image if len(image) > 1 and math.prod(image[:-1]) > 1 and image[-1] > 1 else None
