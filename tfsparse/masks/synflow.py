"""SynFlow: weights that carry the most paths, found without data."""

import tensorflow as tf
import tf_keras as keras
from tf_keras.src.mixed_precision.policy import policy_scope

from tfsparse import paths
from tfsparse.graph import clone, copy_layer, require_graph
from tfsparse.masks.search import Ranking

_SQUASHING = (keras.activations.softmax, keras.activations.sigmoid)
_PREPROCESSING = (keras.layers.Rescaling, keras.layers.Normalization)


def synflow(search, *, rounds=100):
    """Scores a weight by the synaptic flow through it: |w * dR/dw|, R = sum of the logits for an input of ones, in the
    network whose every parameter is replaced by its absolute value (Tanaka et al., "Pruning neural networks without any
    data by iteratively conserving synaptic flow", 2020).

    The density falls geometrically over the rounds, each scoring the network that is left: no layer is pruned away
    while another has weights to spare. Everything becomes positive, biases, norm scales and shifts and moving averages
    too; BatchNorm uses its moving averages. The products of many layers overflow float32, so all is in float64.

    What would saturate and stop the flow is opened: a softmax or sigmoid at the outputs, the ceiling of a ReLU6, and
    layers that only rescale the images.

    Args:
        search: `Search`.
        rounds: 1 scores once and collapses like the other one-shot methods.

    Returns:
        `Ranking`.

    Raises:
        ValueError: the model is subclassed, has an input of unknown size, or lets nothing through.
    """
    require_graph(search.model, "SynFlow rebuilds the model in float64 and")
    ones = _ones(search)
    positive = _positive(search.model)
    variables = paths.weights(positive)
    kernels = [variables[path] for path in search.weights]
    start = [kernel.numpy() for kernel in kernels]

    @tf.function
    def flow():
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(kernels)
            r = tf.add_n([tf.reduce_sum(out) for out in tf.nest.flatten(positive(ones, training=False))])
        slopes = tape.gradient(r, kernels, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return [tf.abs(w * slope) for w, slope in zip(kernels, slopes, strict=True)]

    def score(live):
        for kernel, value, path in zip(kernels, start, search.weights, strict=True):
            kernel.assign(value * live[path])
        scores = {path: array.numpy() for path, array in zip(search.weights, flow(), strict=True)}
        if not any(array.any() for array in scores.values()):
            raise ValueError(
                f"SynFlow finds no flow through model {search.model.name!r}: all scores are 0. An activation saturates "
                "on large positive values, or a layer is zero. Use another mask method."
            )
        return scores

    return Ranking(score, rounds=rounds)


def _ones(search):
    """One example of ones for each input; sizes that the model leaves open are those of the task's images."""
    examples = []
    for tensor in search.model.inputs:
        shape = tuple(tensor.shape[1:])
        if None in shape and search.task is not None and len(search.task.data.input_shape) == len(shape):
            shape = tuple(search.task.data.input_shape)
        if None in shape:
            raise ValueError(
                f"SynFlow needs the size of input {tensor.name!r}, which is {tuple(tensor.shape)}. "
                "Build the model with a full input_shape, or pass a task, whose images have a size."
            )
        examples.append(tf.ones((1, *shape), tf.float64 if tensor.dtype.is_floating else tensor.dtype))
    return examples if len(examples) > 1 else examples[0]


def _positive(model):
    """A copy of `model` in float64, its parameters made positive, nothing in it saturating where a known layer would."""
    ends = {id(layer) for layer in _output_layers(model)}

    def replace(_, layer):
        layer = paths.unwrap(layer)
        at_end = id(layer) in ends
        if isinstance(layer, _PREPROCESSING) or (at_end and isinstance(layer, keras.layers.Softmax)):
            return keras.layers.Activation("linear", name=layer.name, dtype="float64")
        changes = {"dtype": "float64"}
        if at_end and getattr(layer, "activation", None) in _SQUASHING:
            changes["activation"] = "linear"
        if isinstance(layer, keras.layers.ReLU) and not _is_gate(layer):
            changes["max_value"] = None
        return copy_layer(layer, **changes)

    with policy_scope("float64"):  # parts that a composite layer makes do not see the dtype of its configuration
        copy = clone(model, replace)
    for variable in copy.variables:
        if variable.dtype.is_floating:
            variable.assign(tf.abs(variable))
    return copy


def _is_gate(layer):
    """Whether a ReLU6 is part of a hard sigmoid, relu6(x + 3) / 6: without its ceiling hard swish would be a square."""
    before = [source for node in layer.inbound_nodes for source in tf.nest.flatten(node.inbound_layers)]
    return any(type(source).__name__ == "TFOpLambda" for source in before)


def _output_layers(model):
    for tensor in model.outputs:
        layer = tensor.node.layer
        if isinstance(layer, keras.Model):
            yield from _output_layers(layer)
        else:
            yield layer
