"""The table of ingredients: one line each."""

from tfsparse.recipe.ghost_neurons import GhostNeurons
from tfsparse.recipe.ghost_skips import GhostSkips
from tfsparse.recipe.label_smoothing import LabelSmoothing
from tfsparse.recipe.rescaled_init import RescaledInit

INGREDIENTS = {
    "ghost_neurons": GhostNeurons,
    "ghost_skips": GhostSkips,
    "label_smoothing": LabelSmoothing,
    "rescaled_init": RescaledInit,
}
