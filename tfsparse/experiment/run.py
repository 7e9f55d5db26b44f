"""One run, from flags to files: every stage leaves a file and is skipped when it is there."""

import json
import logging
import math
import time

import tensorflow as tf
import tf_keras as keras

from tfsparse.data import DATASETS, augmentation, load_data
from tfsparse.experiment.folder import RunFolder
from tfsparse.experiment.train import train
from tfsparse.export import EXPORTERS, export_model
from tfsparse.files import write_json
from tfsparse.mask import Mask, prunable
from tfsparse.masks import METHODS, find_mask
from tfsparse.models import MODELS, build_model
from tfsparse.recipe import Recipe
from tfsparse.registry import lookup, parse, parse_list, resolve
from tfsparse.report import evaluate, metrics
from tfsparse.task import Task
from tfsparse.task.schedules import SCHEDULES
from tfsparse.training import make_strategy, policy

log = logging.getLogger(__name__)


def run_experiment(experiment, folder=None):
    """Finds a mask, trains, exports and reports; goes on where an earlier run with the same settings ended.

    Args:
        experiment: `Experiment`.
        folder: the run folder; None: `experiment.name` under `experiment.output_dir`.

    Returns:
        The dict that `metrics.json` holds.

    Raises:
        ValueError, OSError: something is wrong with the settings or the folder, before work starts.
        Diverged: the loss is NaN or infinite.
    """
    check(experiment)
    folder = RunFolder(folder or f"{experiment.output_dir}/{experiment.name}")
    folder.make()
    with folder.locked():
        if experiment.overwrite:
            folder.clear()
        if folder.metrics.is_file():
            log.warning("%s holds a finished run; nothing to do. --overwrite begins anew.", folder.path)
            return json.loads(folder.metrics.read_text(encoding="utf-8"))
        return _stages(experiment, folder)


def check(experiment):
    """Raises ValueError for settings that cannot work, FileNotFoundError for a mask file that is not there.

    Reads no data and builds nothing, so that a slip in a flag costs a second, not an hour.
    """
    lookup(DATASETS, experiment.data, "data set")
    resolve(MODELS, experiment.model, "model")
    if experiment.mask.endswith(".safetensors"):
        Mask.load(experiment.mask)
    elif experiment.mask != "none":
        resolve(METHODS, experiment.mask, "mask method")
    if not 0 <= experiment.sparsity < 1:
        raise ValueError(
            f"--sparsity must lie in [0, 1), the share of weights that are zero; got {experiment.sparsity}."
        )
    Recipe(experiment.recipe)
    resolve(SCHEDULES, experiment.schedule, "schedule")
    if experiment.augment is not None:
        augmentation(experiment.augment, num_classes=2)  # any number: only the text is checked
    for format in exports(experiment):
        resolve(EXPORTERS, format, "export format")
    for name in ("batch_size", "epochs", "steps_per_execution"):
        if getattr(experiment, name) < 1:
            raise ValueError(f"--{name} must be at least 1, got {getattr(experiment, name)}.")
    for name in ("learning_rate", "momentum", "weight_decay"):
        if not 0 <= getattr(experiment, name) < math.inf:
            raise ValueError(f"--{name} must be a finite number of at least 0, got {getattr(experiment, name)}.")


def exports(experiment):
    """The export formats of an experiment, with their options."""
    return [] if experiment.export in ("", "none") else parse_list(experiment.export)


def load_task(experiment):
    """The task of an experiment, its data loaded; random states are seeded."""
    keras.utils.set_random_seed(experiment.seed)
    if experiment.deterministic:
        tf.config.experimental.enable_op_determinism()
    data = load_data(
        experiment.data,
        batch_size=experiment.batch_size,
        seed=experiment.seed,
        augment=experiment.augment,
        data_dir=experiment.data_dir,
        download=experiment.download,
    )
    names = ("epochs", "learning_rate", "momentum", "weight_decay", "schedule", "seed")
    return Task(data, **{name: getattr(experiment, name) for name in names})


def search_mask(experiment, model, task):
    """Finds the mask of an experiment."""
    log.info("Finding a mask: %s, sparsity %g.", experiment.mask, experiment.sparsity)
    return find_mask(
        model,
        experiment.mask,
        sparsity=experiment.sparsity,
        task=task,
        prunable=experiment.prunable,
        strict=experiment.strict,
    )


def load_mask(experiment, model, task, folder):
    """The mask of an experiment: from the run folder if it is there, else found and written there; None is dense."""
    if experiment.mask == "none":
        return None
    if not folder.mask.is_file():
        search_mask(experiment, model, task).save(folder.mask)
    mask = Mask.load(folder.mask)
    mask.check(model)
    return mask


def load_model(experiment, task, folder):
    """The trained plain model of an experiment and its history; trains what its checkpoints do not have yet."""
    model = build_model(experiment.model, task.data)
    mask = load_mask(experiment, model, task, folder)
    history = train(
        model,
        task,
        mask,
        experiment.recipe,
        folder=folder.path,
        strategy=None if experiment.strategy == "none" else make_strategy(experiment.strategy),
        dtype=policy(experiment.mixed_precision),
        jit_compile=experiment.jit_compile,
        steps_per_execution=experiment.steps_per_execution,
    )
    return model, mask, history


def _stages(experiment, folder):
    started = time.monotonic()
    folder.write_flags(experiment)
    task = load_task(experiment)
    model, mask, history = load_model(experiment, task, folder)
    files = {}
    for format in exports(experiment):
        name = parse(format)[0]
        if not folder.exports[name].exists():
            log.info("Exporting %s.", format)
            export_model(model, format, folder.exports[name], mask=mask, data=task.data)
        files[name] = folder.exports[name].name
    result = metrics(model, mask, history, evaluate(model, task), prunable(model))
    result |= {"seconds": round(sum(history.history.get("seconds", [])), 1), "files": files}
    log.info("This session took %.0f s.", time.monotonic() - started)
    write_json(folder.metrics, result)
    return result
