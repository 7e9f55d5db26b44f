"""Recipes: what changes in training when the network is sparse.

- `ghost_neurons`: smooth activations that turn into ReLU.
- `ghost_skips`: shortcuts around convolutions that fade out.
- `rescaled_init`: one learned scale per tensor before the first step.
- `label_smoothing`: softer targets.

`Recipe.tost()` (`--recipe=tost`) is all four; `--recipe=none` is the default protocol. A new part is a subclass of
`Ingredient` in a file of its own, and one line in `ingredients.py`.
"""

from tfsparse.recipe.callbacks import callbacks, clocks, ghosts_leave
from tfsparse.recipe.checks import check_trainable
from tfsparse.recipe.ghost_neurons import GhostNeurons
from tfsparse.recipe.ghost_skips import GhostSkips
from tfsparse.recipe.ingredient import Ingredient
from tfsparse.recipe.ingredients import INGREDIENTS
from tfsparse.recipe.label_smoothing import LabelSmoothing
from tfsparse.recipe.prepare import came_from, initial, prepare, strip, transfer
from tfsparse.recipe.recipe import Recipe
from tfsparse.recipe.rescaled_init import RescaledInit

__all__ = [
    "INGREDIENTS",
    "GhostNeurons",
    "GhostSkips",
    "Ingredient",
    "LabelSmoothing",
    "Recipe",
    "RescaledInit",
    "callbacks",
    "came_from",
    "check_trainable",
    "clocks",
    "ghosts_leave",
    "initial",
    "prepare",
    "strip",
    "transfer",
]
