"""`run_sweep`: every cell of a grid, and what became of each."""

import collections
import logging

from tfsparse.experiment import RunFolder, check
from tfsparse.progress import progress
from tfsparse.registry import lookup
from tfsparse.sweep.executors import EXECUTORS
from tfsparse.sweep.grid import groups
from tfsparse.sweep.precision import in_one_precision

log = logging.getLogger(__name__)


def run_sweep(cells, *, executor="local", threads=None):
    """Runs the cells of a grid that have not finished yet.

    Args:
        cells: list of `Experiment`.
        executor: `"local"`, or `"ray"`.
        threads: of TensorFlow in each cell; None: TensorFlow's default (with Ray: 1).

    Returns:
        List of `Outcome`, in the order of the cells.

    Raises:
        ValueError: before any cell runs: a cell has settings that cannot work, or two cells have one name.
    """
    run = lookup(EXECUTORS, executor, "executor")
    for name, count in collections.Counter(cell.name for cell in cells).items():
        if count > 1:
            raise ValueError(f"{count} cells of the sweep are named {name}: give each once.")
    for cell in cells:
        if cell.strategy == "multi_worker":
            raise ValueError(
                "A cell of a sweep runs in one process, and --strategy=multi_worker needs one on each worker: start "
                "scripts/train.py there for each cell, or spread cells over machines with --executor=ray."
            )
        check(cell, RunFolder.of(cell))
    found = {}
    with progress() as shown:
        for outcome in shown(in_one_precision(run, groups(cells), threads), "Cells", total=len(cells)):
            found[outcome.name] = outcome
            accuracy = "" if outcome.accuracy is None else f", test accuracy {outcome.accuracy:.4f}"
            log.info("%d of %d: %s %s%s", len(found), len(cells), outcome.name, outcome.state, accuracy)
            if outcome.reason:
                log.warning("%s", outcome.reason)
    return [found[cell.name] for cell in cells]
