"""The same search in a network of other initial weights."""

import dataclasses

from tfsparse import paths
from tfsparse.frozen import seeded_initializers
from tfsparse.graph import fresh, require_graph


def reinitialized(search):
    """`search`, its model replaced by one whose layers were initialised anew, by their own initialisers.

    Raises:
        ValueError: the model is subclassed and cannot be copied.
    """
    require_graph(search.model, "sanity='reinitialize'")
    with seeded_initializers(search.seed + 1):
        model = fresh(search.model)
    variables = paths.weights(model)
    return dataclasses.replace(search, model=model, weights={path: variables[path] for path in search.weights})
