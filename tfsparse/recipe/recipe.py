"""`Recipe`: the parts of a sparse training, put together."""

from tfsparse.recipe.ingredient import Ingredient
from tfsparse.recipe.ingredients import INGREDIENTS
from tfsparse.registry import lookup, options, parse_list, resolve


class Recipe(Ingredient):
    """Ingredients that are used together; itself an ingredient.

    Args:
        parts: ingredients, or their names with options: `["ghost_neurons(kind='mish')", LabelSmoothing()]`; one
            ingredient; or one string, as the flag takes it: `"ghost_skips(share=0.25),label_smoothing"`, `"tost"`, `"none"`.

    >>> Recipe("ghost_skips(share=0.25),label_smoothing")
    Recipe('ghost_skips(share=0.25),label_smoothing')
    >>> len(Recipe.tost().parts), len(Recipe("none").parts)
    (4, 0)

    Raises:
        ValueError: unknown part or option, or one part twice.
    """

    def __init__(self, parts=()):
        if isinstance(parts, Recipe):
            self.text, self.parts = parts.text, parts.parts
            return
        parts = [parts] if isinstance(parts, Ingredient) else parts
        names = parse_list(parts) if isinstance(parts, str) else list(parts)
        names = [] if names == ["none"] else [name for part in names for name in (FULL if part == "tost" else [part])]
        self.text = ",".join(name if isinstance(name, str) else type(name).__name__ for name in names) or "none"
        self.parts = [_make(name) for name in names]
        kinds = [type(part).__name__ for part in self.parts]
        for kind in kinds:
            if kinds.count(kind) > 1:
                raise ValueError(f"{kind} stands twice in the recipe {self.text!r}: once is enough.")

    @classmethod
    def tost(cls):
        """The full recipe of the paper: ghost neurons, ghost skips, rescaled initialisation, label smoothing."""
        return cls("tost")

    @property
    def needs_graph(self):
        return any(part.needs_graph for part in self.parts)

    @property
    def starts_anew(self):
        return any(part.starts_anew for part in self.parts)

    @property
    def meaning(self):
        """One text for all recipes that do the same: parts in a fixed order, options only where they are not the default.

        >>> Recipe("label_smoothing(amount=0.1),ghost_skips(share=0.25)").meaning
        'ghost_skips(share=0.25),label_smoothing'
        >>> Recipe("label_smoothing,rescaled_init,ghost_skips,ghost_neurons").meaning, Recipe("").meaning
        ('tost', 'none')
        """
        order = [INGREDIENTS[name] for name in FULL]
        parts = sorted(self.parts, key=lambda part: order.index(type(part)) if type(part) in order else len(order))
        texts = [_meaning(part) for part in parts]
        return "tost" if texts == list(FULL) else ",".join(texts) or "none"

    def before_mask(self, model, mask, task):
        for part in self.parts:
            part.before_mask(model, mask, task)

    def initialize(self, model, mask, task):
        for part in self.parts:
            part.initialize(model, mask, task)

    def dress(self, surgery, mask, task):
        for part in self.parts:
            part.dress(surgery, mask, task)

    def loss(self, loss):
        for part in self.parts:
            loss = part.loss(loss)
        return loss

    def __repr__(self):
        return f"Recipe({self.text!r})"


FULL = ("ghost_neurons", "ghost_skips", "rescaled_init", "label_smoothing")


def _meaning(part):
    names = {entry: name for name, entry in INGREDIENTS.items()}
    known = options(type(part))
    if lost := [option for option in known if not hasattr(part, option)]:
        raise ValueError(
            f"{type(part).__name__} takes {', '.join(sorted(lost))} and keeps no attribute of that name: recipes with other "
            "values could not be told apart. Let its constructor set self.option = option."
        )
    values = {option: (getattr(part, option), default) for option, default in known.items()}
    given = ", ".join(f"{option}={value!r}" for option, (value, default) in values.items() if value != default)
    return names.get(type(part), type(part).__name__) + (f"({given})" if given else "")


def _make(part):
    if isinstance(part, Ingredient):
        return part
    if not isinstance(part, str):
        raise ValueError(f"A recipe takes ingredients or their names, received {part!r}.")
    if part.split("(")[0] in ("none", "tost"):
        lookup(dict.fromkeys(INGREDIENTS), part, "ingredient (none and tost stand alone)")
    ingredient, options = resolve(INGREDIENTS, part, "ingredient")
    return ingredient(**options)
