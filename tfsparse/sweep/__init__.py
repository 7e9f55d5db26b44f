"""Grids of experiments: `run_sweep(cells(experiment, masks=..., sparsities=..., recipes=..., seeds=...))`.

Each cell is an ordinary run folder. A sweep that was killed goes on when it is started again; a cell that fails is reported
and does not stop the others. Cells that differ only in what happens after the mask is found share the mask.
"""

from tfsparse.sweep.executors import EXECUTORS
from tfsparse.sweep.grid import cells, groups
from tfsparse.sweep.outcome import Outcome
from tfsparse.sweep.sweep import run_sweep

__all__ = ["EXECUTORS", "Outcome", "cells", "groups", "run_sweep"]
