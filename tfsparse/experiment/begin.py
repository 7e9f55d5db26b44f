"""What `train` checks before work starts."""

import logging
import pathlib

import tf_keras as keras

from tfsparse.files import write_json, write_or_compare
from tfsparse.graph import is_graph
from tfsparse.task.decides import decides
from tfsparse.task.schedules import schedule_of
from tfsparse.training import check_shares, is_chief

log = logging.getLogger(__name__)

TRAINING = "training.json"
_NEED_ZEROS = ("use_ema", "clipnorm", "global_clipnorm")
_REMEMBER = (keras.callbacks.EarlyStopping, keras.callbacks.ReduceLROnPlateau)
_SET_RATES = (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)


def check(model, task, recipe, settings, steps, callbacks=()):
    """Raises ValueError where settings, optimizer, callbacks and model do not go together; arguments as for `train`."""
    check_shares(task.data.batch_size, settings.strategy)
    optimizer = task.make_optimizer()
    setter = next((type(callback).__name__ for callback in callbacks if isinstance(callback, _SET_RATES)), None)
    if setter and schedule_of(optimizer)[1] is not None:  # Keras lets it set a number that nothing reads
        raise ValueError(
            f"{setter} would change nothing: the optimizer's learning rate follows a schedule. Leave the callback out, or give "
            "the task a rate that is a number: optimizer=lambda task: keras.optimizers.SGD(0.1)."
        )
    if steps is not None and (recipe.needs_graph or not 0 <= steps[0] < steps[1] <= task.steps):
        raise ValueError(f"steps={steps} must lie in 0 to {task.steps}, and the recipe must have no ghosts.")
    if (settings.compact or steps is not None) and getattr(optimizer, "use_ema", False):
        raise ValueError(
            "use_ema and compact (or steps) do not go together: training is then several calls of fit, and Keras puts the "
            "averages in the weights' place at the end of each. Leave one of them out."
        )
    needs_zeros = settings.live_gradients or any(getattr(optimizer, name, None) for name in _NEED_ZEROS)
    if isinstance(optimizer, keras.optimizers.Adafactor) and needs_zeros:
        raise ValueError(
            "Adafactor takes no gradients that are 0 for dead weights, which live_gradients, use_ema and clipping by a norm "
            "need: leave them, or Adafactor, out."
        )
    if isinstance(optimizer, keras.optimizers.Adafactor) and settings.compact:
        raise ValueError(
            "compact cuts an optimizer's numbers for each weight along with the weights; Adafactor keeps means of rows and "
            "columns. Leave compact, or Adafactor, out."
        )
    needs_copy = [name for name in ("strategy", "dtype") if getattr(settings, name) is not None]
    if needs_copy and not is_graph(model):
        raise ValueError(
            f"{needs_copy[0]} needs a copy of the model, and {model.name!r}, being subclassed, cannot be copied: leave it out."
        )
    half = settings.dtype == "mixed_float16" or any(part.compute_dtype == "float16" for part in model._flatten_layers())
    if settings.compact and (not is_graph(model) or half):
        precision = "float16" if half else settings.dtype or "float32"
        raise ValueError(
            "compact needs a functional or Sequential model, and full precision or bfloat16 (float16's loss scale would begin "
            f"anew); received {model.name!r}, a {type(model).__name__}, in {precision}."
        )


def warn_of_forgetting(callbacks, settings, resumed):
    """Warns of callbacks that start over in the middle of a training: Keras resets them whenever its `fit` begins."""
    names = [type(callback).__name__ for callback in callbacks if isinstance(callback, _REMEMBER)]
    if names and (resumed or settings.compact):
        when = "now that the training is resumed" if resumed else "when channels are taken out (compact=True)"
        log.warning(
            "%s begins anew %s: what it counted and kept in the epochs before is forgotten. The best epoch's weights are in "
            "best.safetensors of the training's folder, if it has one.",
            " and ".join(names),
            when,
        )


def deciding(model, task, mask, recipe, steps):
    """What decides the outcome of a training, as a dict for JSON; arguments as for `train`."""
    parts = [f"{type(part).__name__}({_options(part)})" for part in recipe.parts]
    digest = None if mask is None else mask.digest
    return {"recipe": parts, "mask": digest, "steps": steps and list(steps), **decides(task, model)}


def _options(part):
    plain = str | float | int | list | tuple | None
    texts = {name: repr(v) if isinstance(v, plain) else type(v).__qualname__ for name, v in vars(part).items()}
    return ", ".join(f"{name}={text}" for name, text in sorted(texts.items()))


def check_resumed(settings, facts):
    """Raises ValueError if the training in the folder is not the one that `facts`, from `deciding`, describe."""
    path = pathlib.Path(settings.folder) / TRAINING
    if path.is_file():
        write_or_compare(path, facts, "the checkpoints of another training", "Delete it and run the same again.")


def keep(settings, facts, resumed):
    """Writes what decides the outcome beside the checkpoints, unless a resumed training has it there already: its folder may
    be read-only."""
    if settings.folder is None or not is_chief(settings.strategy):
        return
    path = pathlib.Path(settings.folder) / TRAINING
    if not (resumed and path.is_file()):
        write_json(path, facts)
