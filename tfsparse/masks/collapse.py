"""Layers without a weight: reported before work starts if they cannot be avoided, and for every mask that has some."""

import warnings


def check_room(search, strict):
    """Warns (with `strict`: raises ValueError) if fewer weights are to live than there are layers."""
    if search.count < len(search.weights):
        _say(
            f"sparsity={search.sparsity} leaves {search.count} weights for {len(search.weights)} layers: some will be left "
            f"without a weight. Keep at least one for each: sparsity={1 - len(search.weights) / search.total:.7f}.",
            strict,
        )


def check_collapse(mask, strict):
    """Warns (with `strict`: raises ValueError) if a mask leaves a layer without a weight; always raises if none is left."""
    if not mask.live:
        raise ValueError("The mask leaves no weight at all.")
    if mask.empty:
        _say(
            f"{len(mask.empty)} of {len(mask)} layers are left without a weight: {', '.join(mask.empty)}. Unless a "
            "shortcut leads around them, the network's outputs are constant. Lower the sparsity, use 'synflow' or 'erk', "
            "or keep some in each layer: min_per_layer=1.",
            strict,
        )


def _say(message, strict):
    if strict:
        raise ValueError(message)
    warnings.warn(message, stacklevel=4)
