"""What is read of run folders, and kept of them in one small file."""

import dataclasses
import json
import pathlib

from tfsparse.experiment import COSTS, Experiment, RunFolder
from tfsparse.files import written_aside
from tfsparse.training import read_history

_KEPT = ("epoch", "seconds", "loss", "accuracy", "val_loss", "val_accuracy", "ghost_neurons", "ghost_skips")
# What two runs of one command may differ in: their costs, and the formats that each was asked to export.
_MAY_DIFFER = {*COSTS, "files"}
_LAYER = ("path", "live", "total", "dead_outputs", "outputs")


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished run.

    Args:
        name: of its folder.
        settings: all that decides what it computed: a dict, as `Experiment.deciding` gives it; with a mask file, the
            sparsity is the mask's own.
        metrics: what its `metrics.json` holds.
        history: column -> list, a number for each epoch (None: not logged then).
        layers: of the mask: dicts of `path`, `live`, `total`, `dead_outputs`, `outputs`; empty for a dense run.
    """

    name: str
    settings: dict
    metrics: dict
    history: dict
    layers: list

    @property
    def accuracy(self):
        """On the test set, after the last epoch; of runs without a test set on the validation set."""
        return self.metrics.get("test_accuracy", self.metrics.get("validation_accuracy"))

    @property
    def ghosts_until(self):
        """The last epoch that began with a living ghost; 0: none ever lived."""
        columns = [self.history[name] for name in ("ghost_neurons", "ghost_skips") if name in self.history]
        # The strength is logged at the end of an epoch: at 0 there, the ghosts lived in it.
        return max((min(1 + sum(map(bool, column)), len(column)) for column in columns), default=0)


def read_runs(paths):
    """Reads run folders.

    Args:
        paths: run folders, folders of run folders, or files that `save_runs` wrote.

    Returns:
        (list of `Run`, each once, list of the folders of runs that have not finished).

    Raises:
        FileNotFoundError: no such folder.
        ValueError: nothing in a folder, a damaged file, or two runs of the same settings that differ.
    """
    runs, unfinished = [], []
    for path in map(pathlib.Path, paths):
        if path.is_file():
            runs += load_runs(path)
            continue
        if not path.is_dir():
            raise FileNotFoundError(f"There is no run folder {path}.")
        folders = sorted(found.parent for found in path.rglob("flags.txt"))
        if not folders:
            raise ValueError(f"{path} is no run folder and holds none: there is no flags.txt in it.")
        for folder in map(RunFolder, folders):
            if folder.metrics.is_file():
                runs.append(_read(folder))
            elif folder.begun:
                unfinished.append(folder.path)
    return _once(runs), unfinished


def _once(runs):
    """Each run once, though it may come from its folder and from a file that was made of that."""
    seen = {}
    for run in runs:
        before = seen.setdefault(json.dumps(run.settings, sort_keys=True), run)
        if _computed(before) != _computed(run):
            raise ValueError(
                f"Runs {before.name} and {run.name} have the same settings, but not the same numbers: leave one out."
            )
    return list(seen.values())


def _computed(run):
    parts = (run.metrics, run.history)
    return [_rounded({name: value for name, value in part.items() if name not in _MAY_DIFFER}) for part in parts]


def _read(folder):
    try:
        metrics = json.loads(folder.metrics.read_text(encoding="utf-8"))
        layers = (
            json.loads(folder.diagnosis.read_text(encoding="utf-8"))["layers"] if folder.diagnosis.is_file() else []
        )
    except (ValueError, KeyError) as error:
        raise ValueError(f"A file in {folder.path} is damaged: {error}.") from error
    rows = read_history(folder.history)
    history = {name: [row.get(name) for row in rows] for name in _KEPT if rows and any(name in row for row in rows)}
    layers = [{name: layer[name] for name in _LAYER} for layer in layers]
    settings = Experiment.from_flagfile(folder.flags).deciding()
    return _with_own_sparsity(Run(folder.path.name, settings, metrics, history, layers))


def _with_own_sparsity(run):
    """The run, its sparsity that of its mask file: the setting, which the run did not use, would be shown otherwise."""
    known = "mask" in run.settings and Experiment(mask=run.settings["mask"]).mask_file and "sparsity" in run.metrics
    if not known:
        return run
    own = round(run.metrics["sparsity"], 4)  # the same from a folder as from a file of runs, whose numbers are rounded
    return dataclasses.replace(run, settings={**run.settings, "sparsity": own})


def save_runs(runs, path):
    """Writes runs to one JSON file, numbers rounded to five digits, a run a line: kept in git, a new run is a new line."""
    lines = ",\n".join(json.dumps(_rounded(dataclasses.asdict(run))) for run in runs)
    with written_aside(path) as scratch:
        scratch.write_text(f'{{"runs": [\n{lines}\n]}}\n', encoding="utf-8")


def load_runs(path):
    """Reads what `save_runs` wrote.

    Raises:
        ValueError: another kind of file.
    """
    try:
        rows = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))["runs"]
        return [_with_own_sparsity(Run(**row)) for row in rows]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no file of runs, as scripts/report.py --json writes it ({error!r}).") from error


def _rounded(value):
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value
