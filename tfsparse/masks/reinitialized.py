"""The same search in a network of other initial weights."""

import dataclasses

import numpy as np
from tf_keras.src.engine.base_preprocessing_layer import PreprocessingLayer

from tfsparse import paths
from tfsparse.counterparts import copy_layer_weights
from tfsparse.frozen import seeded_initializers
from tfsparse.graph import fresh, require_graph


def reinitialized(search):
    """`search` with its model replaced by a copy whose layers are initialised anew, by their own initialisers.

    Raises:
        ValueError: the model is subclassed and cannot be copied, or an initialiser has a seed of its own.
    """
    require_graph(search.model, "sanity='reinitialize'")
    with seeded_initializers(search.seed + 1):
        model = fresh(search.model)
    given = dict(paths.layers(search.model))
    for path, layer in paths.layers(model):
        if isinstance(layer, PreprocessingLayer) and layer.weights:  # adapted to the data, which are still the same
            copy_layer_weights(given[path], layer)
    variables = paths.weights(model)
    weights = {path: variables[path] for path in search.weights}
    same = [path for path, v in weights.items() if np.ptp(v) and np.array_equal(v, search.weights[path])]
    if same:
        raise ValueError(
            f"sanity='reinitialize' needs other initial weights, and those of {', '.join(same[:3])} come out the same: their "
            "initialiser has a seed of its own. Build the model without it."
        )
    return dataclasses.replace(search, model=model, weights=weights)
