"""What a copy takes over from its original, part by part: weights, and which parts are trained."""

import tf_keras as keras

from tfsparse import paths

# What may differ between two layers that compute the same: names that Keras makes up, and what is handled elsewhere.
_NOT_COMPARED = ("name", "trainable", "build_config", "shared_object_id")


def require_separate(model):
    """Raises ValueError for a model whose layers cannot be copied one by one: two have the same path, or hold the same
    variable, or a function reads a variable that belongs to another layer."""
    seen, holders = set(), {}
    for path, layer in paths.layers(model):
        if path in seen:
            raise ValueError(
                f"Model {model.name!r} has two layers of the path {path!r}, one of them nested: rename one."
            )
        seen.add(path)
        if getattr(layer, "_already_warned", False):  # Keras sets it for a layer that reads a variable it does not hold
            raise ValueError(
                f"Layer {path!r} of model {model.name!r} is a function that reads a variable which is not its own: in a copy "
                "it would still read the original's. Write a layer that holds the variable, or one that holds both its users."
            )
        for variable in layer.weights:
            other, holder = holders.setdefault(id(variable), (path, layer))
            if layer is not holder and (_both_called(layer, holder) or not _one_in_the_other(layer, holder)):
                raise ValueError(
                    f"Layers {other!r} and {path!r} of model {model.name!r} share the variable {variable.name!r}; in a copy "
                    "each would get its own. Call one layer in both places, or write one layer that holds both."
                )


def _both_called(layer, other):
    """Whether both are called in a graph (layers that a composite layer or a subclassed model calls have no node)."""
    return bool(layer.inbound_nodes and other.inbound_nodes)


def _one_in_the_other(layer, other):
    return layer in other._flatten_layers() or other in layer._flatten_layers()


def copy_weights(source, target):
    """Copies the weights of all layers that both models have (by path); one model may have more (ghosts).

    Raises:
        ValueError: each has layers that the other lacks, so they are not two forms of one model.
    """
    given = {path: layer for path, layer in paths.layers(source) if layer.weights}
    places = {path: layer for path, layer in paths.layers(target) if layer.weights}
    if not (given.keys() <= places.keys() or places.keys() <= given.keys()):
        alone = sorted(given.keys() - places.keys())[0]
        raise ValueError(
            f"Model {target.name!r} has no layer {alone!r} to take the weights of {source.name!r}. Layers are matched by their "
            "names, and those that Keras numbers itself differ from model to model: name the layers yourself."
        )
    for path in [path for path in given if path in places]:  # in order: several workers must assign in the same order
        copy_layer_weights(given[path], places[path])


def copy_layer_weights(layer, copy):
    """Copies the weights of one layer, composite or not, by their names inside it."""
    given = {name: variable for name, variable, _ in paths.owned_weights_of(layer)}
    names = {id(variable): name for name, variable, _ in paths.owned_weights_of(copy)}
    told = len(names) == len(copy.weights)  # Keras also lists a vocabulary, which is not a variable
    if told and given.keys() == set(names.values()):  # Keras lists trained weights first, and these may differ
        copy.set_weights([given[names[id(variable)]].numpy() for variable in copy.weights])
    else:
        copy.set_weights(layer.get_weights())


def copy_flags(layer, copy, *, parts_only=False):
    """Lets the `copy` of a layer train what `layer` trains, however deep inside: configurations do not say it of parts."""
    for part, counterpart in _pairs(layer, copy):
        if not (parts_only and part is layer):
            counterpart._trainable = part._trainable  # Keras' own setter would also set all the parts inside


def copy_model_flags(model, copy):
    """As `copy_flags`, for models whose layers come in the same order."""
    for walk in (paths.models, paths.layers):
        for (_, one), (_, other) in zip(walk(model), walk(copy), strict=True):
            if walk is paths.models:
                other._trainable = one._trainable
            else:
                copy_flags(one, other)


def frozen_from_outside(model):
    """ids of layers that lie only in models with `trainable=False`: Keras trains none of them, whatever their flags say."""
    return {id(layer) for _, layer in paths.layers(model)} - set(_reached(model))


def _reached(model):
    if model._trainable:
        for layer in map(paths.unwrap, model.layers):
            yield from _reached(layer) if isinstance(layer, keras.Model) else [id(layer)]


def alike(model, other):
    """Whether two models have the same layers: equal paths where there are weights, equal configurations down to the parts."""
    counts = [len(list(paths.models(each))) for each in (model, other)]
    ours, theirs = list(paths.layers(model)), list(paths.layers(other))
    if counts[0] != counts[1] or len(ours) != len(theirs):
        return False
    for (path, one), (place, another) in zip(ours, theirs, strict=True):
        if bool(one.weights) != bool(another.weights) or (one.weights and path != place):
            return False
        if any(_told(part) != _told(counterpart) for part, counterpart in _pairs(one, another)):
            return False
    return True


def _pairs(layer, copy):
    """Pairs of each part of a layer and its counterpart in the copy: by name, or in order where names are made up anew."""
    given, ours = dict(paths.parts(layer)), dict(paths.parts(copy))
    if given.keys() == ours.keys():
        return [(given[name], part) for name, part in ours.items()]
    return list(zip(given.values(), ours.values(), strict=False))


def _told(layer):
    """A layer's class and configuration, to be compared; the class alone where there is no configuration."""
    try:
        return type(layer), _without_names(keras.layers.serialize(layer)["config"])
    except (TypeError, ValueError, NotImplementedError):
        return type(layer), None


def _without_names(config):
    if isinstance(config, dict):
        return {key: _without_names(value) for key, value in config.items() if key not in _NOT_COMPARED}
    return [_without_names(value) for value in config] if isinstance(config, list | tuple) else config
