"""The same search in a network of other initial weights."""

import dataclasses

import tf_keras as keras

from tfsparse import paths
from tfsparse.graph import fresh, require_graph


def reinitialized(search):
    """`search`, its model replaced by one whose layers were initialised anew, by their own initialisers.

    Draws from the process's random state: call it where that is put back.

    Raises:
        ValueError: the model is subclassed and cannot be copied.
    """
    require_graph(search.model, "sanity='reinitialize'")
    keras.utils.set_random_seed(search.seed + 1)
    model = fresh(search.model)
    variables = paths.weights(model)
    return dataclasses.replace(search, model=model, weights={path: variables[path] for path in search.weights})
