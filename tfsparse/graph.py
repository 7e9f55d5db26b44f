"""Copies of Keras models, layer by layer."""

import tf_keras as keras
from tf_keras.src.engine.functional import Functional

from tfsparse import paths
from tfsparse.counterparts import alike, copy_flags, copy_model_flags, copy_weights, require_separate


def is_graph(model):
    """Whether `model` is a functional or Sequential model, or a subclass built as one (KerasCV's are).

    Only these say which layer feeds which; a subclassed model, or one with a `call` of its own, is a black box.
    """
    built = isinstance(model, keras.Sequential) or bool(getattr(model, "_is_graph_network", False))
    return built and type(model).call in (keras.Sequential.call, Functional.call)


def require_graph(model, purpose):
    """Raises ValueError for a model whose graph is hidden in Python code.

    Args:
        model: tf_keras model.
        purpose: what needs the graph; begins the error message.
    """
    if not is_graph(model):
        raise ValueError(
            f"{purpose} needs a functional or Sequential model; {model.name!r} is a subclassed {type(model).__name__}, "
            "whose graph cannot be seen. Build it with the functional API, or use what works in place: a mask, "
            "and a recipe without ghosts."
        )


def copy_layer(layer, /, **changes):
    """A fresh layer with the same configuration, overridden by `changes`; weights are not copied.

    >>> copy_layer(keras.layers.Dense(3, activation="relu"), activation="linear").activation.__name__
    'linear'

    Raises:
        ValueError: the layer cannot be rebuilt from its configuration.
    """
    try:
        copy = type(layer).from_config({**layer.get_config(), **changes})
    except (TypeError, ValueError, NotImplementedError, AttributeError) as error:  # the last: a partial in a Lambda
        raise ValueError(
            f"Layer {layer.name!r} ({type(layer).__name__}) cannot be copied from its configuration: {error}. "
            "A custom layer needs a get_config that returns its constructor's arguments."
        ) from error
    copy._trainable = changes.get("trainable", layer._trainable)  # a configuration may leave it out
    return copy


def clone(model, replace=None, input_dtype=None):
    """A copy of `model` with the same weights; nested models stay nested, and shared layers shared.

    Args:
        model: built functional or Sequential model.
        replace: (path, layer) -> the layer that takes its place in the copy; None: every layer is copied.
        input_dtype: of floating-point inputs, also those of nested models, which cast what they are given; None: unchanged.

    Returns:
        A model with the same architecture and names. It has the same class, too, if nothing is changed and the class's own
        configuration rebuilds the model (KerasCV's do); else it is a plain functional or Sequential model.

    Raises:
        ValueError: the graph is hidden, a layer cannot be copied from its configuration, or two share a variable or a path.
    """
    require_graph(model, "Copying")
    require_separate(model)
    as_it_is = replace is None and input_dtype is None
    copy = (_by_its_class(model) if as_it_is else None) or _by_layers(model, replace, input_dtype)
    copy_weights(model, copy)
    return copy


def fresh(model):
    """A copy of `model` whose weights are drawn anew by its layers' own initialisers, from the process's random state."""
    require_graph(model, "Initialising anew")
    require_separate(model)
    return _by_its_class(model) or _by_layers(model)


def _by_its_class(model):
    """A copy made from a subclass's own configuration; None where it has none, or where that gives different layers: what
    was changed after the model was made (a rate, an epsilon) is missing there."""
    if type(model).get_config.__module__.startswith("tf_keras"):
        return None
    try:
        copy = type(model).from_config(model.get_config())
    except (TypeError, ValueError, NotImplementedError):
        return None  # the graph itself is copied then
    if not alike(model, copy):
        return None
    copy_model_flags(model, copy)
    return copy


def _by_layers(model, replace=None, input_dtype=None):
    copy = _clone(model, replace, "", input_dtype, {})
    given = dict(paths.layers(model))
    for path, layer in paths.layers(copy):  # only now: a layer may make its parts when it is called
        if path in given:
            copy_flags(given[path], layer, parts_only=True)
    return copy


def _clone(model, replace, prefix, input_dtype, copies):
    """`copies`: id of a layer -> its copy, for all nested models together: they may share layers."""

    def one(layer):
        if id(layer) not in copies:
            path = prefix + layer.name
            if isinstance(layer, keras.Model):
                copies[id(layer)] = _clone(layer, replace, path + "/", input_dtype, copies)
            elif isinstance(layer, keras.layers.InputLayer) or replace is None:
                copies[id(layer)] = copy_layer(layer)
            else:
                copies[id(layer)] = replace(path, layer)
        return copies[id(layer)]

    require_graph(model, "Copying")
    inputs = [_input(tensor, input_dtype) for tensor in model.inputs] if input_dtype else None
    try:
        copy = keras.models.clone_model(model, inputs, clone_function=one)
    except ValueError as error:
        if "einsum" not in [getattr(layer, "symbol", None) for layer in model.layers]:
            raise
        raise ValueError(
            f"Model {model.name!r} calls tf.einsum, which Keras cannot call anew for a copy: use keras.layers.EinsumDense, or "
            "keras.layers.Dot of two tensors."
        ) from error
    copy._trainable = model._trainable  # (Keras' own setter would also set all the layers inside)
    return copy


def _input(tensor, dtype):
    name, dtype = tensor.node.layer.name, dtype if tensor.dtype.is_floating else tensor.dtype
    return keras.Input(batch_shape=tensor.shape, dtype=dtype, name=name)
