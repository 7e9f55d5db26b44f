"""Training: Keras' `fit` around a task, resumable, watched, on one device or many."""

from tfsparse.training.devices import PRECISIONS, STRATEGIES, make_strategy, policy
from tfsparse.training.fit import Settings, fit, has_checkpoint
from tfsparse.training.history import read_history
from tfsparse.training.watch import Diverged

__all__ = [
    "PRECISIONS",
    "STRATEGIES",
    "Diverged",
    "Settings",
    "fit",
    "has_checkpoint",
    "make_strategy",
    "policy",
    "read_history",
]
