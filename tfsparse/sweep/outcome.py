"""What became of a cell."""

import dataclasses

from tfsparse.experiment import RunFolder


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
    """What `metrics.json` of a run folder holds; None if the run has not finished, or the file is damaged."""
    try:
        return RunFolder(folder).read_metrics()
    except ValueError:  # the cell runs into it as well, and says what to do
        return None
