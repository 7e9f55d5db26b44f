"""What can be done with a run that has finished training: take its model, evaluate it, export it."""

import dataclasses
import pathlib
import shlex

import numpy as np

from tfsparse import paths
from tfsparse.data import load_data
from tfsparse.experiment.experiment import Experiment
from tfsparse.experiment.facts import facts
from tfsparse.experiment.file_accuracy import file_accuracy, part_of, predictor
from tfsparse.experiment.folder import RunFolder
from tfsparse.experiment.kept_model import kept_shapes, load_kept
from tfsparse.experiment.stages import load_task, trained_model
from tfsparse.export import EXPORTERS, export_model, make_exporter
from tfsparse.files import check_named
from tfsparse.mask import Mask
from tfsparse.models import build_model
from tfsparse.report import accuracy
from tfsparse.task.accuracy import inferring, threshold_of
from tfsparse.training import load_best
from tfsparse.training.checkpoints import saved_epochs


def open_run(path, **changes):
    """The experiment and folder of a run that has finished training.

    Args:
        path: run folder.
        changes: settings to take instead of the run's own, such as `data_dir`.

    Raises:
        ValueError: not a run folder, or training has not ended.
    """
    folder = RunFolder(path)
    check_named(folder.path, "The run folder")
    if not folder.flags.is_file():
        raise ValueError(f"{folder.path} is no run folder: it has no {folder.flags.name}.")
    experiment = dataclasses.replace(Experiment.from_flagfile(folder.flags), **changes)
    if experiment.mask != "none" and not folder.mask.is_file():
        raise ValueError(f"{folder.path} has lost its {folder.mask.name}, and nothing else tells which weights live.")
    saved = saved_epochs(folder.checkpoints)
    trained = folder.model.is_file() or (saved and int(saved[0].rsplit("-", 1)[1]) >= experiment.epochs)
    if not trained:
        here = folder.path.resolve()  # its flags say where it was begun; it may have been moved since
        command = [
            "scripts/train.py",
            f"--flagfile={folder.flags}",
            f"--output_dir={here.parent}",
            f"--run_name={here.name}",
        ]
        raise ValueError(
            f"The run in {folder.path} has not finished training. Go on with: python {shlex.join(command)}"
        )
    return experiment, folder


def load_run(path, *, best=False):
    """The trained Keras model of a run, plain and without a loss, and its mask. The data set need not be there.

    Args:
        path: run folder that has finished training.
        best: weights of the epoch with the best validation accuracy among those without ghosts; else of the last.

    Returns:
        (model, `Mask`); the mask is None for a dense run.

    >>> load_run("saved_models/nothing_has_run_here")
    Traceback (most recent call last):
    ...
    ValueError: saved_models/nothing_has_run_here is no run folder: it has no flags.txt.

    Raises:
        ValueError: no run folder, not finished, or damaged; no best epoch.
    """
    experiment, folder = open_run(path)
    if best and not folder.best.is_file():
        raise ValueError(f"{folder.path} has no {folder.best.name}: no epoch was both validated and without ghosts.")
    if folder.model.is_file():
        model = build_model(experiment.model, kept_shapes(folder.model))
        mask = None if experiment.mask == "none" else Mask.load(folder.mask)
        load_kept(folder.model, model, mask)
    else:  # only its checkpoints are left
        model, mask = trained_model(experiment, load_task(experiment), folder)
    if best:
        load_best(folder.best, paths.weights(model))
    return model, mask


def evaluate_files(path, split, **settings):
    """Accuracy of a run folder's model and files, or of one exported file, on a data set.

    Args:
        path: run folder, or an exported file of any format.
        split: `"test"` or `"validation"`.
        settings: of the data set: `data`, `data_dir`, `download`. A run has its own data set, but may be evaluated on
            another one with images of the same shape and as many classes; a file needs `data`.

    Returns:
        Dict from what was evaluated to its accuracy.

    Raises:
        ValueError: no run folder, or not finished; no such part; data of another kind than the run's, or with another
            number of classes than a file; one output, and labels that are not 0 and 1.
        FileNotFoundError: no such file.
    """
    path = pathlib.Path(path)
    given = {name: value for name, value in settings.items() if value}
    if not (path / "flags.txt").is_file():
        predict = predictor(path)  # before the data: a wrong path is found at once
        if "data" not in given:
            raise ValueError("Give --data: the data set that the file is evaluated on.")
        return {str(path): file_accuracy(path, load_data(given.pop("data"), batch_size=None, **given), split, *predict)}
    name = given.pop("data", None)
    experiment, folder = open_run(path, **given)
    task = load_task(experiment)
    data = task.data if name in (None, experiment.data) else _like(task.data, load_data(name, batch_size=None, **given))
    model, _ = trained_model(experiment, task, folder)
    predict = model if data is task.data else lambda images: inferring(model)(_as_trained(images, data, task.data))
    rows = {"model": accuracy(predict, part_of(data, split), threshold=threshold_of(model))}
    for name, file in folder.exported(EXPORTERS).items():
        rows[name] = file_accuracy(file, data, split, *predictor(file))
    return rows


def export_run(path, format, out, *, outputs="auto", **changes):
    """Exports the trained model of a run folder once more; returns an `ExportResult`.

    Args:
        path: run folder.
        format: as `export_model` takes it.
        out: file or folder to write.
        outputs: what the network gives, as `export_model` takes it.
        changes: settings to take instead of the run's own: `data_dir`, `compact_export`.
    """
    make_exporter(format)  # before the data: a slip is found at once
    experiment, folder = open_run(path, **changes)
    known = folder.read_metrics() or {}
    task = load_task(experiment)
    model, mask = trained_model(experiment, task, folder)
    card = facts(experiment, folder, known)
    options = {"mask": mask, "data": task.data, "compact": experiment.compact_export, "outputs": outputs}
    return export_model(model, format, out, card=card, **options)


def _like(own, other):
    if (own.input_shape, own.num_classes) != (other.input_shape, other.num_classes):
        raise ValueError(
            f"The run was trained on {own.name!r}, {own.num_classes} classes of images {own.input_shape}; {other.name!r} has "
            f"{other.num_classes} of {other.input_shape}. Give --data a set of such images and classes, or leave it out."
        )
    return other


def _as_trained(images, data, own):
    """Images of `data`, normalised as a run's `own` data were."""
    stored = data.stored(images).astype("float32")
    return stored if own.mean is None else (stored - np.asarray(own.mean, "float32")) / np.asarray(own.std, "float32")
