"""Reads finished runs from their folders."""

import json
import os
import pathlib

from tfsparse.experiment import COSTS, Experiment, RunFolder
from tfsparse.mask import Mask
from tfsparse.results.kept import load_runs, rounded
from tfsparse.results.run import Run
from tfsparse.training import read_history

_KEPT = ("epoch", "seconds", "loss", "accuracy", "val_loss", "val_accuracy", "ghost_neurons", "ghost_skips")
# What may differ between two runs of one command: their costs, and the formats that each was asked to export.
_MAY_DIFFER = {*COSTS, "files"}
_LAYER = ("path", "live", "total", "dead_outputs", "outputs")


def read_runs(paths):
    """Reads run folders.

    Args:
        paths: run folders, folders of run folders, or files that `save_runs` wrote.

    Returns:
        (list of `Run`, each once, list of the folders of runs that have not finished).

    Raises:
        FileNotFoundError: no such folder.
        ValueError: no run in a folder, a damaged file, or two runs with the same settings but different numbers.
    """
    runs, unfinished = [], {}
    for path in map(pathlib.Path, paths):
        if path.is_file():
            runs += load_runs(path)
            continue
        if not path.is_dir():
            raise FileNotFoundError(f"There is no run folder {path}.")
        folders = _run_folders(path)
        if not folders:
            raise ValueError(f"{path} is no run folder and holds none: there is no flags.txt in it.")
        for folder in map(RunFolder, folders):
            if folder.metrics.is_file():
                runs.append(_read(folder))
            else:
                unfinished[folder.path.resolve()] = folder.path  # paths may overlap
    return _once(runs), list(unfinished.values())


def _run_folders(path):
    """The run folders under `path`, also behind links; a folder that is reached twice is given once, as first reached."""
    seen, found = set(), []
    for folder, inside, files in os.walk(path, followlinks=True):
        place = os.path.realpath(folder)
        if place in seen:  # a link may lead back
            inside.clear()
        elif "flags.txt" in files:
            found.append(pathlib.Path(folder))
        seen.add(place)
    return sorted(found)


def _once(runs):
    """Each run once, even if it comes from its folder and also from a file made from that folder."""
    seen = {}
    for run in runs:
        before = seen.setdefault(json.dumps({**run.settings, "recipe": run.recipe}, sort_keys=True), run)
        if _computed(before) != _computed(run):
            raise ValueError(
                f"Runs {before.name} and {run.name} have the same settings, but not the same numbers: leave one out."
            )
    return list(seen.values())


def _computed(run):
    """The numbers of a run as text, in which NaN equals NaN."""
    parts = [{name: part[name] for name in part if name not in _MAY_DIFFER} for part in (run.metrics, run.history)]
    return json.dumps(rounded(parts), sort_keys=True)


def _read(folder):
    settings = Experiment.from_flagfile(folder.flags).deciding()
    rows = read_history(folder.history)
    history = {name: [row.get(name) for row in rows] for name in _KEPT if any(name in row for row in rows)}
    mask = Mask.load(folder.mask).digest if folder.mask.is_file() else ""
    metrics = folder.read_metrics()
    layers = _layers(folder.diagnosis) if folder.diagnosis.is_file() else []
    try:
        return Run(folder.path.name, settings, metrics, history, layers, mask)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"A file in {folder.path} is damaged: {error!r}.") from error


def _layers(path):
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["layers"]
        return [{name: layer[name] for name in _LAYER} for layer in found]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is damaged: {error!r}. Delete it: the report then goes without its densities."
        ) from error
