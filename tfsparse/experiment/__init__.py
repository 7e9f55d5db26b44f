"""Experiments: a mask, a recipe and a task brought together, in memory (`train`) or as a run folder."""

from tfsparse.experiment.check import check, check_search
from tfsparse.experiment.examine import examine
from tfsparse.experiment.experiment import Experiment
from tfsparse.experiment.finished import evaluate_files, export_run, load_run, open_run
from tfsparse.experiment.folder import RunFolder
from tfsparse.experiment.run import COSTS, missing_exports, run_experiment, warn_of_files
from tfsparse.experiment.sanity import sanity_checks, sanity_table
from tfsparse.experiment.search import find_mask
from tfsparse.experiment.stages import load_task, search_mask
from tfsparse.experiment.train import train

__all__ = [
    "COSTS",
    "Experiment",
    "RunFolder",
    "check",
    "check_search",
    "evaluate_files",
    "examine",
    "export_run",
    "find_mask",
    "load_run",
    "load_task",
    "missing_exports",
    "open_run",
    "run_experiment",
    "sanity_checks",
    "sanity_table",
    "search_mask",
    "train",
    "warn_of_files",
]
