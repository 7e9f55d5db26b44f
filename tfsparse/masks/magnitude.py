"""Magnitude: large weights stay."""

import numpy as np

from tfsparse.masks.search import Ranking


def magnitude(search):
    """Keeps the weights of the largest absolute value: |w| (LeCun et al., "Optimal Brain Damage", 1990, names it).

    At initialisation, |w| mostly reflects how wide a layer is: wide layers start with small weights and are pruned first,
    at high sparsity completely. `allocation="erk"` or `"uniform"` prevents that.

    Args:
        search: `Search`.

    Returns:
        `Ranking`.
    """
    return Ranking(lambda live: {path: np.abs(variable.numpy()) for path, variable in search.weights.items()})
