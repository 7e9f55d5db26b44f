"""Runs in one small file."""

import dataclasses
import json
import pathlib

from tfsparse.experiment import Experiment
from tfsparse.files import written_aside
from tfsparse.results.run import Run
from tfsparse.version import __version__

_TODAY = Experiment().deciding()


def save_runs(runs, path):
    """Writes runs to one JSON file, one run per line: in git, a new run is a new line. Measured numbers keep five digits."""
    lines = ",\n".join(json.dumps(_short(run), separators=(",", ":")) for run in runs)
    with written_aside(path) as scratch:
        scratch.write_text(f'{{"runs": [\n{lines}\n]}}\n', encoding="utf-8")


def load_runs(path):
    """Reads what `save_runs` wrote; settings that did not exist then get today's defaults.

    Raises:
        ValueError: another kind of file, or one with settings that do not exist, or no longer: without them, different
            runs would be taken for the same.
    """
    try:
        rows = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))["runs"]
        unknown = sorted({name for row in rows for name in row["settings"]} - _TODAY.keys())
        runs = [] if unknown else [Run(**{**row, "settings": _settings(row["settings"])}) for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no file of runs, as scripts/report.py --json writes it ({error!r}).") from error
    if unknown:
        raise ValueError(
            f"The runs in {path} have settings that this version, {__version__}, does not know: {', '.join(unknown)}. "
            "Read it with the version that wrote it."
        )
    return runs


def _settings(kept):
    """All settings of a run; ValueError if one has the wrong type: they are sorted, and compared with others."""
    wrong = [name for name, value in kept.items() if not isinstance(value, _kinds(_TODAY[name]))]
    if wrong:
        raise ValueError(f"the setting {wrong[0]} is {kept[wrong[0]]!r}")
    return {**_TODAY, **kept}


def _kinds(default):
    return {float: int | float, type(None): str | None}.get(type(default), type(default))


def rounded(value):
    """A JSON value with its numbers rounded to five digits."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _short(run):
    return {**dataclasses.asdict(run), "metrics": rounded(run.metrics), "history": rounded(run.history)}
