"""Experiments: a mask, a recipe and a task brought together, in memory (`train`) or as a run folder."""

from tfsparse.experiment.experiment import Experiment
from tfsparse.experiment.folder import RunFolder
from tfsparse.experiment.run import check, load_mask, load_task, run_experiment
from tfsparse.experiment.train import train

__all__ = ["Experiment", "RunFolder", "check", "load_mask", "load_task", "run_experiment", "train"]
