"""Recipes from text and from ingredients."""

import pytest

from tests.conftest import make_model
from tfsparse.recipe import INGREDIENTS, GhostSkips, Ingredient, LabelSmoothing, Recipe, prepare


def kinds(recipe):
    return [type(part).__name__ for part in Recipe(recipe).parts]


def test_names_options_and_ingredients():
    recipe = Recipe("ghost_skips(share=0.25, hand_over='step'), label_smoothing")
    skips, smoothing = recipe.parts
    assert (skips.share, skips.hand_over, smoothing.amount) == (0.25, "step", 0.1)
    assert kinds(["ghost_neurons(kind='mish')", LabelSmoothing()]) == ["GhostNeurons", "LabelSmoothing"]
    assert kinds(GhostSkips()) == ["GhostSkips"]
    assert str(recipe) == "Recipe(\"ghost_skips(share=0.25, hand_over='step'),label_smoothing\")"


def test_none_and_tost():
    assert kinds("none") == kinds([]) == kinds("") == kinds(["none"]) == []
    full = ["GhostNeurons", "GhostSkips", "RescaledInit", "LabelSmoothing"]
    assert kinds("tost") == kinds(["tost"]) == kinds(Recipe.tost()) == full
    assert set(full) == {entry.__name__ for entry in INGREDIENTS.values()}


def test_a_recipe_is_an_ingredient():
    recipe = Recipe("label_smoothing")
    assert isinstance(recipe, Ingredient)
    assert Recipe(recipe).parts == recipe.parts
    assert not recipe.needs_graph and Recipe("ghost_skips,label_smoothing").needs_graph


@pytest.mark.parametrize(
    "text, message",
    [
        ("ghost_skip", "Unknown ingredient 'ghost_skip'. Did you mean 'ghost_skips'.* Known: ghost_neurons,"),
        ("ghost_skips(shares=1)", "no option 'shares'. Did you mean 'share'.* It takes: share=0.1"),
        ("ghost_skips,ghost_skips(share=1.0)", "GhostSkips stands twice in the recipe"),
        ("tost,label_smoothing", "LabelSmoothing stands twice"),
        ("none,label_smoothing", "none and tost stand alone"),
        ("tost(share=0.5)", "none and tost stand alone"),
        ("ghost_skips(share=)", "Cannot read"),
        ("ghost_skips(**{'share': 1})", "Cannot read"),
        ("ghost_skips(share=2)", "share must be a number in"),
        ([GhostSkips], "takes ingredients or their names"),
    ],
)
def test_what_cannot_be_read_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        Recipe(text)


def test_an_option_that_is_not_kept_under_its_name_is_refused():
    """Recipes that differ in it were one recipe to sweeps and reports."""

    class Hides(Ingredient):
        def __init__(self, *, factor=1):
            self._factor = factor

    with pytest.raises(ValueError, match="Hides takes factor and keeps no attribute of that name"):
        _ = Recipe(Hides()).meaning


def test_parts_are_used_in_their_order_and_at_their_time(task, mask):
    seen = []

    class Watches(Ingredient):
        def __init__(self, name):
            self.name = name

        def initialize(self, model, mask, task):
            dead = sum(int((w.numpy() == 0).sum()) for w in model.trainable_variables if "kernel" in w.name)
            seen.append((self.name, "initialize", dead > 0))

        def dress(self, surgery, mask, task):
            seen.append((self.name, "dress", len(surgery.calls) > 0))

        def loss(self, loss):
            return f"{self.name}({loss})"

    class Other(Watches):
        pass

    recipe = Recipe([Watches("a"), Other("b")])
    prepare(make_model(), mask, recipe, task)
    assert seen == [("a", "initialize", True), ("b", "initialize", True), ("a", "dress", True), ("b", "dress", True)]
    assert recipe.loss("x") == "b(a(x))"
