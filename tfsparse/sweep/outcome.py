"""What became of a cell."""

import dataclasses
import json
import pathlib


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a cell.

    Args:
        name: of its run folder.
        state: `"finished"` now, `"was finished"` before, or `"failed"`.
        accuracy: on the test set, or None.
        reason: the last lines that a failed cell wrote.
    """

    name: str
    state: str
    accuracy: float | None = None
    reason: str = ""


def finished(folder):
    """What `metrics.json` of a run folder holds; None if the run has not finished."""
    path = pathlib.Path(folder) / "metrics.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
