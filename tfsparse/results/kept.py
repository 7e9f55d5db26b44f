"""Runs in one small file."""

import dataclasses
import json
import pathlib

from tfsparse.experiment import Experiment
from tfsparse.files import written_aside
from tfsparse.results.run import Run


def save_runs(runs, path):
    """Writes runs to one JSON file, a run a line: kept in git, a new run is a new line. What was measured has five digits."""
    lines = ",\n".join(json.dumps(_short(run)) for run in runs)
    with written_aside(path) as scratch:
        scratch.write_text(f'{{"runs": [\n{lines}\n]}}\n', encoding="utf-8")


def load_runs(path):
    """Reads what `save_runs` wrote; settings that there were not yet then have the defaults of today.

    Raises:
        ValueError: another kind of file.
    """
    try:
        rows = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))["runs"]
        return [Run(**{**row, "settings": {**Experiment().deciding(), **row["settings"]}}) for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no file of runs, as scripts/report.py --json writes it ({error!r}).") from error


def rounded(value):
    """Numbers of a JSON value to five digits."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _short(run):
    return {**dataclasses.asdict(run), "metrics": rounded(run.metrics), "history": rounded(run.history)}
