"""From a plain model to a prepared one, and back."""

from tfsparse.counterparts import copy_weights
from tfsparse.graph import clone, is_graph, require_graph
from tfsparse.mask import apply_mask, checked, prunable, sparsify
from tfsparse.mask.sparsify import release
from tfsparse.recipe.checks import (
    check_trainable,
    hold_zeros,
    warn_of_living_ghosts,
    warn_of_other_start,
    warn_of_trained_start,
)
from tfsparse.recipe.recipe import Recipe
from tfsparse.surgery import Surgery


class _Origin:
    """Remembers the model that a prepared one came from. (Keras would track a model that is a plain attribute.)"""

    def __init__(self, model):
        self.model = model


def prepare(model, mask, recipe, task, *, initialize=True, dtype=None):
    """A copy of `model` ready to train: initial weights rescaled, ghosts in, mask on.

    Args:
        model: built tf_keras model, left as it is. A subclassed model is masked in place and returned, if the recipe
            has no ghosts.
        mask: `Mask`; None trains the dense model.
        recipe: `Recipe`, or its text, such as `"tost"`.
        task: `Task`; its length sets the ghosts' schedules, its data rescale the initialisation.
        initialize: False leaves the weights alone (a resumed training loads them from its checkpoint).
        dtype: Keras dtype policy of the copy's layers, such as `"mixed_bfloat16"`.

    Returns:
        Keras model. Train it with any optimizer, a loss from `recipe.loss`, and `callbacks(prepared)`.

    Raises:
        ValueError: the mask does not fit; the model is subclassed and the recipe has ghosts; it has a loss or a training step
            of its own, which its copy would not have.
        FloatingPointError: the rescaled initialisation meets a loss or gradient that is not finite.
    """
    recipe = Recipe(recipe)
    check_trainable(model)
    mask = checked(mask, model)
    if recipe.needs_graph:
        require_graph(model, f"The recipe {recipe.text!r}")
    if not is_graph(model) and dtype is None:
        return _prepare_in_place(model, mask, recipe, task, initialize)
    start = initial(model, mask, recipe, task) if initialize else model
    surgery = _surgery(start, mask, dtype)
    recipe.dress(surgery, mask, task)
    prepared = surgery.build()
    if mask is not None:
        prepared = sparsify(prepared, mask)
    came_from(prepared, model)
    return prepared


def _surgery(model, mask, dtype=None):
    """The `Surgery` of a model; ValueError if the mask prunes a weight that no output of the model depends on."""
    surgery = Surgery(model, "Preparing a model", dtype)
    reached = {id(variable) for call in surgery.calls for variable in call.layer.weights}
    lost = [path for path, variable in prunable(model).items() if path in (mask or ()) and id(variable) not in reached]
    if lost:
        raise ValueError(
            f"The mask prunes {lost[0]!r}, which no output of the model depends on: nothing would train it. Find the mask "
            f"with exclude={lost}, or build the model without it."
        )
    return surgery


def came_from(prepared, model):
    """Lets `strip` take the architecture from `model`, which is like the one that `prepared` was made from."""
    prepared.tfsparse_origin = _Origin(model)


def initial(model, mask, recipe, task):
    """A plain copy of `model` with the weights that training starts from: masked, and rescaled if the recipe says so."""
    # A model that the recipe or the mask does not fit is refused before the work of rescaling.
    if recipe.needs_graph or is_graph(model):
        surgery = _surgery(model, mask)
        if recipe.needs_graph:
            recipe.dress(surgery, mask, task)
    warn_of_other_start(model, mask)
    warn_of_trained_start(model, recipe)
    start = clone(model)
    recipe.before_mask(start, mask, task)
    if mask is not None:
        apply_mask(start, mask)
    recipe.initialize(start, mask, task)
    return start


def strip(prepared):
    """The plain model that `prepared` has become: the original architecture, without ghosts and wrappers.

    Args:
        prepared: what `prepare` returned.

    Returns:
        A new model, layer by layer like the one that went in, with the trained weights; masked ones are exactly 0. A
        subclassed model is returned itself, its weights free to change again.

    Raises:
        ValueError: `prepared` did not come from `prepare` in this process (after loading, call
            `transfer(prepared, model)` with a model of the original architecture).
    """
    origin = getattr(prepared, "tfsparse_origin", None)
    if origin is None:
        raise ValueError(
            f"Model {prepared.name!r} does not know the model it was prepared from: it was not returned by prepare in "
            "this process. Build the plain model and use transfer(prepared, model)."
        )
    if origin.model is prepared:
        hold_zeros(prepared)
        release(prepared)
        return prepared
    return transfer(prepared, clone(origin.model))


def transfer(prepared, model):
    """Copies the weights of a prepared model into a plain one of the same paths; returns the plain one.

    Ghosts that are still alive are left behind, with a warning.
    """
    warn_of_living_ghosts(prepared)
    hold_zeros(prepared)
    copy_weights(prepared, model)
    return model


def _prepare_in_place(model, mask, recipe, task, initialize):
    if initialize:
        warn_of_other_start(model, mask)
        warn_of_trained_start(model, recipe)
        recipe.before_mask(model, mask, task)
    if mask is not None:
        sparsify(model, mask)
    if initialize:
        recipe.initialize(model, mask, task)
    came_from(model, model)
    return model
