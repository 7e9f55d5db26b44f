"""One run, from flags to files: every stage leaves a file and is skipped when it is there."""

import json
import logging
import time

import tensorflow as tf
import tf_keras as keras

from tfsparse import paths
from tfsparse.data import load_data
from tfsparse.experiment.check import check, exports
from tfsparse.experiment.folder import RunFolder
from tfsparse.experiment.train import train
from tfsparse.export import export_model
from tfsparse.files import write_json
from tfsparse.graph import clone
from tfsparse.mask import Mask, prunable
from tfsparse.masks import find_mask
from tfsparse.models import build_model
from tfsparse.registry import parse
from tfsparse.report import accuracy, evaluate, metrics
from tfsparse.task import Task
from tfsparse.training import best_epoch, is_chief, load_best, make_strategy, meet, policy, read_history

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
    strategy = make_strategy(experiment.strategy)  # several workers must meet before anything else is computed
    if folder.metrics.is_file() and not experiment.overwrite:
        folder.check_settings(experiment)
        log.warning("%s holds a finished run; nothing to do. --overwrite begins anew.", folder.path)
        return json.loads(folder.metrics.read_text(encoding="utf-8"))
    if not is_chief(strategy):
        return _train_along(experiment, folder, strategy)
    folder.make()
    with folder.locked():
        return _stages(experiment, folder, strategy)


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


def load_mask(experiment, model, task, folder, strategy=None):
    """The mask of an experiment: from the run folder if it is there, else found and written there; None is dense.

    With several workers the chief finds it, and the others wait here until it has.
    """
    if experiment.mask != "none" and not folder.mask.is_file() and is_chief(strategy):
        search_mask(experiment, model, task).save(folder.mask)
    meet(strategy)
    if experiment.mask == "none":
        return None
    mask = Mask.load(folder.mask)
    mask.check(model)
    return mask


def load_model(experiment, task, folder, strategy=None):
    """The trained plain model of an experiment, its mask and history; trains what its checkpoints do not have yet."""
    model = build_model(experiment.model, task.data)
    mask = load_mask(experiment, model, task, folder, strategy)
    history = train(
        model,
        task,
        mask,
        experiment.recipe,
        folder=folder.path,
        strategy=strategy,
        dtype=policy(experiment.mixed_precision),
        jit_compile=experiment.jit_compile,
        steps_per_execution=experiment.steps_per_execution,
    )
    return model, mask, history


def _stages(experiment, folder, strategy):
    started = time.monotonic()
    task = load_task(experiment)  # before anything is deleted: data may be missing
    if experiment.overwrite:
        folder.clear()
    folder.check_settings(experiment)
    folder.write_flags(experiment)
    model, mask, history = load_model(experiment, task, folder, strategy)
    files = {}
    for format in exports(experiment):
        name = parse(format)[0]
        if not folder.exports[name].exists():
            log.info("Exporting %s.", format)
            export_model(model, format, folder.exports[name], mask=mask, data=task.data)
        files[name] = folder.exports[name].name
    accuracies = {**evaluate(model, task), **_best(model, task, folder)}
    best = best_epoch(read_history(folder.history))
    result = metrics(model, mask, best, len(history.epoch), accuracies, prunable(model))
    result |= {"seconds": round(sum(history.history.get("seconds", [])), 1), "files": files}
    log.info("This session took %.0f s.", time.monotonic() - started)
    write_json(folder.metrics, result)
    return result


def _best(model, task, folder):
    """Test accuracy at the epoch with the best validation accuracy, as the papers report it too."""
    if task.data.test is None or not folder.best.is_file():
        return {}
    best = clone(model)
    load_best(folder.best, paths.weights(best))
    return {"test_accuracy_at_best_validation": accuracy(best, task.data.test)}


def _train_along(experiment, folder, strategy):
    """What a worker that is not the chief does: its share of the training. The chief writes all files."""
    _, _, history = load_model(experiment, load_task(experiment), folder, strategy)
    return {"epochs": len(history.epoch)}
