"""Float32 twins of models that compute in another precision."""

import tensorflow as tf
from tf_keras.src.mixed_precision.policy import policy_scope

from tfsparse.graph import clone, copy_layer, is_graph

_OTHER_FLOATS = ("float16", "bfloat16", "float64")


def in_other_floats(model):
    """The layers of `model`, however deep inside, that compute in a precision other than float32."""
    return [layer for layer in model._flatten_layers() if layer.compute_dtype in _OTHER_FLOATS]


def float32_twin(model):
    """A copy of `model` with the same weights that computes in float32, as far as its configuration decides that.

    Raises:
        TypeError, ValueError, NotImplementedError: it cannot be rebuilt from its configuration.
    """
    with policy_scope("float32"):  # the parts that a composite layer makes do not see its configuration's dtype
        if is_graph(model):
            return clone(model, lambda _, layer: copy_layer(layer, **_in_float32(layer.get_config())), "float32")
        twin = type(model).from_config(_in_float32(model.get_config()))
        if not twin.built and model.save_spec():
            twin(*tf.nest.map_structure(_zeros, model.save_spec()[0]))
    twin.set_weights(model.get_weights())
    return twin


def _zeros(spec):
    return tf.zeros([length or 1 for length in spec.shape], spec.dtype)


def _in_float32(config):
    """A Keras configuration with every dtype policy in it, however deep, replaced by float32."""
    if isinstance(config, dict):
        if config.get("class_name") == "Policy":
            return "float32"
        return {key: _policy(key, value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        items = [_in_float32(item) for item in config]
        return tuple(items) if isinstance(config, tuple) else items
    return config


def _policy(key, value):
    if key == "dtype" and isinstance(value, str) and value.removeprefix("mixed_") in _OTHER_FLOATS:
        return "float32"
    return _in_float32(value)
