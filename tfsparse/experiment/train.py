"""`train`: mask, recipe and Keras' `fit` put together."""

import tf_keras as keras

from tfsparse import paths, training
from tfsparse import recipe as recipes
from tfsparse.experiment.begin import check, check_resumed, deciding, keep, warn_of_forgetting
from tfsparse.experiment.compacted import Compactor
from tfsparse.graph import is_graph
from tfsparse.mask import checked, prunable
from tfsparse.mask.sparsify import release
from tfsparse.task import Task


def train(model, task, mask=None, recipe="tost", *, callbacks=(), steps=None, **settings):
    """Trains `model` in place under `mask` with `recipe`; afterwards it is the plain model, its zeros exact.

    Args:
        model: built tf_keras model.
        task: `Task`: data, length, optimizer, seed.
        mask: `Mask`; None trains the dense model.
        recipe: `Recipe` or its text: `"tost"`, `"none"`, `"ghost_skips(share=0.25),label_smoothing"`.
        callbacks: Keras callbacks of your own, as for `fit`. If one of them stops a training with a `folder`, the next call
            continues it; `EarlyStopping` and `ReduceLROnPlateau` then count anew, as is their way in Keras.
        steps: (first, end), to train a part of the task's steps, with the data and learning rates that they have in an unbroken
            training; None: all. Not with ghosts, whose clocks begin with the training; only a part that begins at 0 rescales.
        **settings: `folder`, `strategy`, `sync_batch_norm`, `live_gradients`, `compact`, `dtype`, `jit_compile`,
            `steps_per_execution`, `verbose`: see `tfsparse.training.Settings`. With a `folder` the training is resumed from
            its last completed epoch.

    Returns:
        `keras.callbacks.History`, with the rows of resumed epochs too.

    Raises:
        TypeError: `task` is no `Task`; an unknown setting.
        ValueError: the mask does not fit; the training in `folder` is another one (mask, recipe, task); the recipe needs a
            graph that a subclassed model does not show; the model has a loss or training step of its own; a callback sets
            learning rates that a schedule sets already.
        Diverged: the loss is NaN or infinite; `model` is as it was, unless it is subclassed.
        FloatingPointError: the same, while the initialisation is rescaled.
    """
    recipe = recipes.Recipe(recipe)
    settings = training.Settings.of(settings)
    recipes.check_trainable(model)
    mask = checked(mask, model)
    if not isinstance(task, Task):
        raise TypeError(f"task must be a Task, such as Task(data, epochs=160), received {type(task).__name__}.")
    loss = task.loss_for(model)
    trained_with = recipe.loss(loss)  # an unsuitable loss is refused before the work of rescaling
    if steps is not None and tuple(steps) == (0, task.steps):
        steps = None  # this part is the whole: what parts cannot have is allowed
    check(model, task, recipe, settings, steps, callbacks)
    resumed = training.has_checkpoint(settings.folder)  # then the weights come from there
    begins = not resumed and (steps is None or steps[0] == 0)  # a later part goes on with the weights that it is given
    # A copy is rescaled before the strategy's scope: on one device, in full precision.
    early = is_graph(model) and begins
    facts = deciding(model, task, mask, recipe, steps)
    if resumed:
        check_resumed(settings, facts)
    warn_of_forgetting(callbacks, settings, resumed)
    start = [recipes.initial(model, mask, recipe, task) if early else model]
    keep(settings, facts, resumed)

    def make_model():
        options = {"initialize": begins and not early, "dtype": settings.dtype}
        prepared = recipes.prepare(start.pop(), mask, recipe, task, **options)  # popped: nobody else keeps its weights
        recipes.came_from(prepared, model)
        return prepared

    try:
        trained, rows = training.fit(
            make_model,
            task,
            loss=trained_with,
            plain_loss=loss,
            weights=lambda prepared: _weights(prepared, model),
            masked=lambda prepared: _masked(prepared, mask),
            callbacks=lambda prepared: [*recipes.callbacks(prepared), *callbacks],
            smaller=Compactor(mask, task, settings.dtype),
            settings=settings,
            steps=steps,
        )
    finally:
        if not is_graph(model):  # it was masked in place
            release(model)
    if trained is not model:
        recipes.transfer(trained, model)
    return _history(model, rows)


def _weights(prepared, model):
    """The weights that `prepared` has in common with the plain model: all but the ghosts'."""
    plain, all_weights = paths.weights(model), paths.weights(prepared)
    return {path: all_weights[path] for path in plain}


def _masked(prepared, mask):
    weights = prunable(prepared)
    return [weights[name] for name in (mask or ())]


def _history(model, rows):
    history = keras.callbacks.History()
    history.set_model(model)
    history.epoch = [row["epoch"] - 1 for row in rows]
    names = [name for name in dict.fromkeys(name for row in rows for name in row) if name != "epoch"]
    history.history = {name: [row[name] for row in rows if name in row] for name in names}
    return history
