"""Names for weights: the layers' names from the outside in, then the weight's own (`stage1/block0/conv1/kernel`).

Keras requires layer names to be unique only within one model, so nested models may repeat them; these paths are unique.
"""

import re

import tf_keras as keras


def layers(model):
    """Yields (path, layer) for every layer below `model` that is not itself a model, outside in, each layer once.

    A TF-MOT wrapper is transparent: the wrapped layer comes, under its own name.

    >>> inner = keras.Sequential([keras.layers.Dense(2, name="dense")], name="inner")
    >>> outer = keras.Sequential([keras.Input((3,)), inner, keras.layers.Dense(1, name="dense")])
    >>> [path for path, _ in layers(outer)]
    ['inner/dense', 'dense']
    """
    yield from ((path, layer) for path, layer in _below(model, "", set()) if not isinstance(layer, keras.Model))


def models(model):
    """Yields (path, model) for `model` itself, whose path is `""`, and every model nested in it, outside in."""
    yield "", model
    yield from ((path, layer) for path, layer in _below(model, "", set()) if isinstance(layer, keras.Model))


def _below(model, prefix, seen):
    for layer in model.layers:
        layer = unwrap(layer)
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        path = prefix + layer.name
        if not isinstance(layer, keras.layers.InputLayer):
            yield path, layer
        if isinstance(layer, keras.Model):
            yield from _below(layer, path + "/", seen)


def inside(layer, variables):
    """Names, from `layer` inwards, of those `variables` that lie in it. (Their paths do not tell: "block1/conv" may be a
    layer's own name, and "block1" that of another.) For a wrapper, which stays as it is, there are none.

    >>> model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,), name="head")])
    >>> inside(model.layers[0], [model.layers[0].bias])
    ['bias']
    """
    wanted = {id(variable) for variable in variables} if unwrap(layer) is layer else {}
    return [name for name, variable, _ in owned_weights_of(layer) if id(variable) in wanted]


def unwrap(layer):
    """The layer inside a TF-MOT pruning wrapper; any other layer itself."""
    return layer.layer if hasattr(layer, "pruning_vars") else layer


def weights(model):
    """Dict from path to variable, for all weights of `model` except the masks and thresholds of TF-MOT's wrappers.

    >>> model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,), name="head")])
    >>> list(weights(model))
    ['head/kernel', 'head/bias']
    """
    return {path: variable for path, variable, _ in owned_weights(model)}


def owned_weights(model):
    """Yields (path, variable, owner): as `weights`, with the innermost layer that made the variable."""
    taken, seen = set(), set()  # a layer may be part of a composite layer and also stand alone
    own = [(path, part) for path, part in models(model) if part._trainable_weights or part._non_trainable_weights]
    for path, layer in [*own, *layers(model)]:
        for local, variable, owner in _weights_of(layer, seen, recurse=not isinstance(layer, keras.Model)):
            name = _unused(f"{path}/{local}".lstrip("/"), taken)
            taken.add(name)
            yield name, variable, owner


def owned_weights_of(layer):
    """As `owned_weights`, of one layer, composite or not: names count from the layer inwards."""
    taken = set()
    for local, variable, owner in _weights_of(layer, set()):
        name = _unused(local, taken)
        taken.add(name)
        yield name, variable, owner


def parts(layer):
    """Yields (name, part) for `layer` itself, whose name is `""`, and every layer inside it; named as its weights are."""
    yield from _parts(layer, "", set())


def _parts(layer, name, seen):
    if id(layer) not in seen:
        seen.add(id(layer))
        yield name, layer
        for local, child in _children(layer):
            yield from _parts(child, f"{name}/{local}".lstrip("/"), seen)


def _children(layer):
    siblings = set()
    for child in layer._flatten_layers(recursive=False, include_self=False):
        name = _unused(_stable_name(child, layer), siblings)
        siblings.add(name)
        yield name, child


def _weights_of(layer, seen, recurse=True):
    """Weights of one layer, composite layers taken apart: (name from the layer inwards, variable, owner)."""
    below = layer._flatten_layers(include_self=False) if recurse else ()
    # Wrappers such as SpectralNormalization hold a part's weight as well: it counts as the part's.
    inner = {id(variable) for part in below for variable in [*part._trainable_weights, *part._non_trainable_weights]}
    own = [v for v in [*layer._trainable_weights, *layer._non_trainable_weights] if id(v) not in inner]
    yield from _new(own, layer, seen)
    if not recurse:
        return
    for name, child in _children(layer):
        for local, variable, owner in _weights_of(child, seen):
            yield f"{name}/{local}", variable, owner
    yield from _new(layer.weights, layer, seen)  # the rest is held by modules that are not layers


def _new(variables, owner, seen):
    """Yields (name, variable, owner) of those not seen before; vocabularies, weights to Keras, are tables without a name."""
    for variable in variables:
        if id(variable) not in seen and hasattr(variable, "name"):
            seen.add(id(variable))
            yield variable.name.split(":")[0].rsplit("/", 1)[-1], variable, owner


def _stable_name(part, whole):
    """The name of a composite layer's part. A name that Keras made up counts all layers of the process (`conv2d_17`)
    and would differ in a copy of the model, so its number is dropped. So is the name of the whole, which some composite
    layers (KerasCV's) put before their parts' names: in copies of nested models it is longer (`outer/attention` instead of
    `attention`), and parts must get the same name in both."""
    short = whole.name.rsplit("/", 1)[-1]
    prefix = whole.name if part.name.startswith(whole.name) else short
    own = part.name.removeprefix(prefix).strip("/_") or part.name
    words = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", type(part).__name__)  # Keras' own rule: Conv2D -> conv2d
    automatic = re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
    automatic = f"private{automatic}" if automatic.startswith("_") else automatic  # names may not begin with _
    return automatic if re.fullmatch(rf"{automatic}(_\d+)?", own) else own


def _unused(name, taken):
    """`name`, or the first of `name_1`, `name_2`, ... that is free: composite layers may hold two of the same name."""
    candidate, number = name, 0
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate
