"""One run, from flags to files: every stage leaves a file and is skipped when it is there."""

import dataclasses
import logging
import time

from tfsparse import paths
from tfsparse.experiment.check import check, exports
from tfsparse.experiment.experiment import Experiment
from tfsparse.experiment.facts import facts
from tfsparse.experiment.folder import RunFolder
from tfsparse.experiment.kept_model import keep_model
from tfsparse.experiment.mask_file import check_unchanged
from tfsparse.experiment.stages import check_mask, load_task, trained_model, with_measured_precision
from tfsparse.export import EXPORTERS, ExportError, card_path, export_model, make_exporter
from tfsparse.files import remove, write_json
from tfsparse.frozen import kept_random_state
from tfsparse.graph import clone
from tfsparse.mask import prunable
from tfsparse.memory import peak_memory
from tfsparse.models import build_model
from tfsparse.report import accuracy, evaluate, metrics
from tfsparse.training import AUTO, best_epoch, is_chief, load_best, make_strategy, read_history

log = logging.getLogger(__name__)

# Costs of a run in metrics.json (memory: of its last session); all else there is the same for the same flags on one machine.
COSTS = ("seconds", "peak_memory_mb")


def run_experiment(experiment, folder=None):
    """Finds a mask, trains, exports and reports; goes on where an earlier run with the same settings ended.

    Args:
        experiment: `Experiment`.
        folder: the run folder; None: `experiment.name` under `experiment.output_dir`.

    Returns:
        The dict that `metrics.json` holds; for a worker other than the chief, which writes nothing, `epochs` only.

    Raises:
        ValueError, OSError: something is wrong with the settings or the folder, before work starts.
        Diverged: the loss is NaN or infinite.
        ExportError: an export could not be made; the run is finished, its other exports are there.
    """
    folder = RunFolder(folder) if folder else RunFolder.of(experiment)
    check(experiment, folder)
    folder.check_owner()
    experiment = _as_begun(experiment, folder)
    strategy = make_strategy(experiment.strategy)  # several workers must meet before anything else is computed
    if folder.metrics.is_file() and not experiment.overwrite and not missing_exports(experiment, folder):
        folder.check_settings(experiment)
        check_unchanged(experiment, folder, lambda: load_task(experiment))
        log.warning("%s holds a finished run; nothing to do. --overwrite begins anew.", folder.path)
        warn_of_files(experiment, folder)
        return folder.read_metrics()
    if not is_chief(strategy):
        return _train_along(experiment, folder, strategy)
    folder.make()
    with folder.locked():
        return _stages(experiment, folder, strategy)


def warn_of_files(experiment, folder):
    """Warns that a finished run's files stay as they are, if they were exported with another `compact_export`."""
    if experiment.compact_export != Experiment.from_flagfile(folder.flags).compact_export:
        how = "compact_export" if experiment.compact_export else "nocompact_export"
        log.warning(
            "Its files stay as they are: scripts/export.py --path=%s --%s --format=... --out=... writes others.",
            folder.path,
            how,
        )


def _as_begun(experiment, folder):
    """The experiment, with auto replaced by the precision that its run began with."""
    if experiment.mixed_precision != AUTO or not folder.begun or experiment.overwrite:
        return experiment
    return dataclasses.replace(experiment, mixed_precision=Experiment.from_flagfile(folder.flags).mixed_precision)


def _stages(experiment, folder, strategy):
    started = time.monotonic()
    task = load_task(experiment)  # before anything is deleted: data may be missing
    with kept_random_state():
        experiment = with_measured_precision(experiment, lambda: build_model(experiment.model, task.data))
    if experiment.overwrite:
        check_mask(experiment, task)
        folder.clear()
    before = folder.read_metrics() or {}  # of a finished run that only lacks an export
    folder.check_settings(experiment)
    check_unchanged(experiment, folder, lambda: task)
    folder.write_flags(experiment)
    model, mask = trained_model(experiment, task, folder, strategy)
    folder.check_kept(experiment)
    if not folder.model.is_file():
        keep_model(folder.model, model, mask, task.data)
    accuracies = {**evaluate(model, task), **_best(model, task, folder)}
    rows = read_history(folder.history)
    result = metrics(model, mask, best_epoch(rows), task.epochs, accuracies, prunable(model))
    result["peak_memory_mb"] = before.get("peak_memory_mb", peak_memory())
    result["seconds"] = round(sum(row.get("seconds", 0) for row in rows), 1)
    refused = _export(experiment, folder, model, result, mask=mask, data=task.data)
    result["files"] = list(folder.exported(EXPORTERS))
    log.info("This session took %.0f s.", time.monotonic() - started)
    write_json(folder.metrics, result)
    if refused:
        raise ExportError(f"The run in {folder.path} is finished, but not all is exported. {' '.join(refused)}")
    return result


def _export(experiment, folder, model, result, **given):
    """Writes the exports that are asked for and missing; one that cannot be made does not prevent the others.

    Returns:
        What was wrong with those that could not be made: a list of texts.
    """
    refused = []
    for format, path in missing_exports(experiment, folder).items():
        log.info("Exporting %s.", format)
        card = facts(experiment, folder, result)
        remove(path)  # what a killed run left without its card
        try:
            log.info("%s", export_model(model, format, path, card=card, compact=experiment.compact_export, **given))
        except ExportError as error:
            refused.append(f"{format}: {error}")
    return refused


def _best(model, task, folder):
    """Test accuracy at the epoch with the best validation accuracy, as the papers report it too."""
    if task.data.test is None or not folder.best.is_file():
        return {}
    best = clone(model)
    load_best(folder.best, paths.weights(best))
    return {"test_accuracy_at_best_validation": accuracy(best, task.data.test)}


def missing_exports(experiment, folder):
    """The exports that an experiment asks for and its `RunFolder` does not hold: dict from format and options to path."""
    paths = {}
    for format in exports(experiment):
        path = folder.export(make_exporter(format))
        if not (path.exists() and card_path(path).exists()):  # the card comes last
            paths[format] = path
    return paths


def _train_along(experiment, folder, strategy):
    """What a worker that is not the chief does: its share of the training. The chief writes all files."""
    trained_model(experiment, load_task(experiment), folder, strategy)
    return {"epochs": experiment.epochs}
