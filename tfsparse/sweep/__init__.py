"""Grids of experiments: `run_sweep(cells(experiment, masks=..., sparsities=..., recipes=..., seeds=...))`.

Each cell is an ordinary run folder. Killed and started again, a sweep goes on; a cell that fails is reported and stops no
other. Cells that differ in what happens after the mask share it.
"""

from tfsparse.sweep.executors import EXECUTORS
from tfsparse.sweep.grid import cells, groups
from tfsparse.sweep.outcome import Outcome
from tfsparse.sweep.sweep import run_sweep

__all__ = ["EXECUTORS", "Outcome", "cells", "groups", "run_sweep"]
