"""One precision for all cells of a sweep that leave it to a measurement."""

import dataclasses

from tfsparse.experiment import Experiment, RunFolder
from tfsparse.training import AUTO

_NETWORK = ("model", "data", "batch_size", "strategy", "jit_compile")  # what the measurement depends on


def in_one_precision(run, groups, threads):
    """Runs groups of cells; the others take the precision that `auto` chose in the first group.

    Measured anew in each, it might come out differently, and runs that are compared or averaged would differ in it.

    Args:
        run: an entry of `EXECUTORS`.
        groups, threads: as `run` takes them.

    Yields:
        `Outcome`s.
    """
    first, *rest = groups
    if not rest or all(cell.mixed_precision != AUTO for group in rest for cell in group):
        yield from run(groups, threads)
        return
    yield from run([first], threads)
    chosen = next(filter(None, map(_chosen, first)), None)
    yield from run([[_settled(cell, first[0], chosen) for cell in group] for group in rest], threads)


def _chosen(cell):
    """What `auto` became in a cell; None: it has another setting, has not begun, or its settings are damaged."""
    if cell.mixed_precision != AUTO:
        return None
    try:
        found = Experiment.from_flagfile(RunFolder.of(cell).flags).mixed_precision
    except (ValueError, OSError):
        return None
    return None if found == AUTO else found


def _settled(cell, measured, precision):
    """The cell with that precision, still in its own folder, if it has the network that was measured and has not begun."""
    alike = all(getattr(cell, name) == getattr(measured, name) for name in _NETWORK)
    if precision is None or cell.mixed_precision != AUTO or not alike or RunFolder.of(cell).begun:
        return cell
    return dataclasses.replace(cell, mixed_precision=precision, run_name=cell.name)
