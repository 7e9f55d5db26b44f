"""What a model ends in: probabilities, or something else."""

import tensorflow as tf
import tf_keras as keras

_FUNCTIONS = {  # Keras and TensorFlow each have their own
    "softmax": (keras.activations.softmax, keras.backend.softmax, tf.nn.softmax),
    "sigmoid": (keras.activations.sigmoid, keras.backend.sigmoid, tf.nn.sigmoid),
    "log_softmax": (tf.nn.log_softmax,),
    "relu6": (tf.nn.relu6,),
}
AVERAGES = (
    keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalAveragePooling3D,
)
_PASSING = (
    *(keras.layers.Reshape, keras.layers.Flatten, keras.layers.Permute, keras.layers.UpSampling2D),
    keras.layers.Dropout,
    *(keras.layers.Average, keras.layers.Concatenate),  # several networks' outputs, all of one kind if these are
    *AVERAGES,
)
_PASSING_OPERATIONS = (
    *("identity", "reshape", "squeeze", "expand_dims", "stop_gradient", "ensure_shape"),
    *("getitem", "clip_by_value"),
)


def ends_in(model, activation):
    """Whether `activation`, `"softmax"` or `"sigmoid"`, is the last thing that `model` does.

    >>> ends_in(keras.Sequential([keras.layers.Dense(2, activation="softmax", input_shape=(3,))]), "softmax")
    True
    """
    found = last_layers(model)
    return bool(found) and all(computes(layer, activation) for layer in found)


def last_layer(model):
    """The first of the `last_layers`; None without layers."""
    return next(iter(last_layers(model)), None)


def last_layers(model):
    """The layers that make the outputs. Layers that only reshape, cast, clip, average, slice or join them are passed over:
    probabilities stay probabilities.

    For a subclassed model, the last layer that it made is the best guess.
    """
    if not model.outputs:
        return model.layers[-1:]
    return list({id(layer): layer for tensor in model.outputs for layer in _makers(tensor)}.values())


def computes(layer, name):
    """Whether a named function (`"softmax"`, `"sigmoid"`, `"log_softmax"`, `"relu6"`) is all that a layer does, or the last
    thing: given as its activation, as a layer, or as a TensorFlow function that is called on a tensor."""
    while isinstance(layer, keras.layers.Wrapper):  # TimeDistributed, or TF-MOT's
        layer = layer.layer
    if isinstance(layer, keras.Model):
        return ends_in(layer, name)
    if isinstance(layer, keras.layers.Softmax):
        return name == "softmax"
    if function_name(layer):
        return function_name(layer) == name
    last = getattr(layer, "activation", getattr(layer, "function", None))
    return computes(last, name) if isinstance(last, keras.layers.Layer) else last in _FUNCTIONS[name]


def function_name(layer):
    """The short name of the TensorFlow function that a layer stands for, `"cast"` for `tf.cast`; "" for any other layer."""
    return (getattr(layer, "symbol", None) or "").rsplit(".", 1)[-1]


def _makers(tensor):
    node, layer = tensor.node, tensor.node.layer
    if isinstance(layer, keras.Model):
        found = (
            list(_makers(layer.outputs[tensor._keras_history.tensor_index])) if layer.outputs else last_layers(layer)
        )
        yield from (one for one in found if not isinstance(one, keras.layers.InputLayer))
        passed = any(isinstance(one, keras.layers.InputLayer) for one in found)
    else:
        passed = _passes(layer, tensor)
        yield from [] if passed else [layer]
    for source in tf.nest.flatten(node.keras_inputs) if passed else []:
        yield from _makers(source)


def _passes(layer, tensor):
    """Whether a layer only passes numbers on: in another shape, or in another precision, as at the end of mixed networks."""
    if isinstance(layer, keras.layers.Activation):
        return layer.activation is keras.activations.linear
    if function_name(layer) == "cast":
        return all(one.dtype.is_floating for one in (tensor, *tf.nest.flatten(tensor.node.keras_inputs)))
    return isinstance(layer, _PASSING) or function_name(layer) in _PASSING_OPERATIONS
