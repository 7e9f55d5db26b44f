"""Every ingredient of the table: prepares, trains, and gives the architecture back with exact zeros."""

import numpy as np
import pytest
import tf_keras as keras

from tests.conftest import dead, make_data, make_mask, make_model, slow
from tfsparse.recipe import INGREDIENTS, Ingredient, Recipe, callbacks, prepare, strip
from tfsparse.task import Task

# What an entry needs to be quick, and for its ghosts to fade over more than one step.
OPTIONS = {"rescaled_init": "rescaled_init(iterations=3)"}
OPTIONS |= {name: f"{name}(share=0.5)" for name in ("ghost_neurons", "ghost_skips")}


@pytest.mark.parametrize("name", [*map(slow, sorted(INGREDIENTS)), "all"])
def test_an_ingredient_trains_and_leaves_nothing_behind(name):
    names = [OPTIONS.get(each, each) for each in (sorted(INGREDIENTS) if name == "all" else [name])]
    recipe, task, model = Recipe(names), Task(make_data(), epochs=2, learning_rate=0.02), make_model()
    before, mask = model.get_weights(), make_mask(model)
    prepared = prepare(model, mask, recipe, task)
    prepared.compile(task.make_optimizer(), recipe.loss(task.loss_for(model)))
    history = prepared.fit(task.data.train, epochs=2, verbose=0, callbacks=callbacks(prepared)).history
    assert np.isfinite(history["loss"]).all()
    plain = strip(prepared)
    assert plain.get_config() == model.get_config()
    assert dead(plain, mask) == 0
    x = next(iter(task.data.test))[0]
    np.testing.assert_allclose(prepared(x), plain(x), atol=1e-5)
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert any(np.any(a != b) for a, b in zip(plain.get_weights(), before, strict=True)), "nothing trained"


@pytest.mark.parametrize("name", sorted(INGREDIENTS))
def test_an_ingredient_is_documented_and_says_what_it_needs(name):
    entry = INGREDIENTS[name]
    assert issubclass(entry, Ingredient) and entry.__doc__ and "Args:" in entry.__doc__
    assert entry().needs_graph == (entry.dress is not Ingredient.dress)


@pytest.mark.parametrize("name", sorted(INGREDIENTS))
def test_the_same_seed_gives_the_same_start(name, task, mask):
    recipe = OPTIONS.get(name, name)
    starts = []
    for _ in range(2):
        keras.utils.set_random_seed(0)
        starts.append(prepare(make_model(), mask, recipe, task).get_weights())
    for one, two in zip(*starts, strict=True):
        np.testing.assert_array_equal(one, two)
