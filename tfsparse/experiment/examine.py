"""The doctor's visit to a run, or to a network before any training."""

from tfsparse.doctor import doctor
from tfsparse.experiment.check import check
from tfsparse.experiment.finished import open_run
from tfsparse.experiment.stages import load_task, search_mask, trained_model
from tfsparse.models import build_model


def examine(path, experiment=None, **changes):
    """What sparsity will buy where a network runs.

    Args:
        path: run folder that has finished training; None: the network and mask of `experiment`, untrained.
        experiment: `Experiment`, where there is no run folder.
        changes: settings to take instead of a run's own: `data_dir`, `compact_export`.

    Returns:
        `tfsparse.doctor.Checkup`.

    Raises:
        ValueError: not a finished run, or settings that cannot work.
    """
    if path is not None:
        experiment, folder = open_run(path, **changes)
        model, mask = trained_model(experiment, load_task(experiment), folder)
        return doctor(model, mask, compact=experiment.compact_export)
    check(experiment)
    task = load_task(experiment)
    model = build_model(experiment.model, task.data)
    mask = None if experiment.mask == "none" else search_mask(experiment, model, task, None)
    return doctor(model, mask, compact=experiment.compact_export)
