"""What tests of ghost skips share."""

from tfsparse.recipe.ghost_skip import GhostSkip


def ghosts_of(prepared):
    """Its `GhostSkip` layers, in the order of the layers."""
    return [layer for layer in prepared.layers if isinstance(layer, GhostSkip)]
