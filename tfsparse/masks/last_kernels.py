"""The kernels whose output channels are the outputs of a network."""

import tensorflow as tf
import tf_keras as keras

from tfsparse.mask.prunable import prunable
from tfsparse.task.endings import function_name


def last_kernels(model):
    """Paths of the last kernels on the way to each of the model's outputs; for a subclassed model, the last that it made.

    >>> x = keras.Input((3,))
    >>> last_kernels(keras.Model(x, [keras.layers.Dense(2, name=name)(x) for name in "ab"]))
    ['a/kernel', 'b/kernel']
    """
    places = {id(variable): path for path, variable in prunable(model).items()}
    return [path for path in places.values() if path in set(_before(model, model.outputs, places))]


def _before(model, outputs, places):
    """The last kernels on the way to some tensors in the graph of `model`.

    Args:
        model: built model; without a graph, all of it is taken to lead to its outputs.
        outputs: tensors of its graph, or None.
        places: id of a kernel -> its path.
    """
    if not outputs:
        yield from _last(model, places)
        return
    depths = {id(node): depth for depth, nodes in model._nodes_by_depth.items() for node in nodes}
    waiting, seen = [tensor.node for tensor in outputs], set()
    while waiting:
        node = waiting.pop()
        if node.is_input or id(node) in seen:
            continue
        seen.add(id(node))
        layer = node.layer
        found = list(_before(layer, layer.outputs, places) if isinstance(layer, keras.Model) else _last(layer, places))
        yield from found
        waiting += [] if found else _sources(node, depths)


def _last(layer, places):
    """The last kernel of a layer, composite or not; nothing if it has none."""
    return [places[id(weight)] for weight in layer.weights if id(weight) in places][-1:]


def _sources(node, depths):
    """The nodes that feed `node`. For a sum, only the nearest of them: a shortcut around these comes from further up, and an
    output stays alive if one of the terms does."""
    nodes = [tensor.node for tensor in tf.nest.flatten(node.keras_inputs)]
    if not isinstance(node.layer, keras.layers.Add) and function_name(node.layer) != "add":
        return nodes
    nearest = min(depths[id(one)] for one in nodes)
    return [one for one in nodes if depths[id(one)] == nearest]
