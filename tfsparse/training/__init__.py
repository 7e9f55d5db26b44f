"""Training: Keras' `fit` around a task, resumable, watched, on one device or many."""

from tfsparse.training.best import best_epoch, load_best
from tfsparse.training.checkpoints import has_checkpoint
from tfsparse.training.compacted import Compacted
from tfsparse.training.devices import STRATEGIES, is_chief, make_strategy, meet
from tfsparse.training.fit import fit
from tfsparse.training.history import read_history
from tfsparse.training.precision import AUTO, POLICIES, fastest, policy
from tfsparse.training.settings import Settings
from tfsparse.training.shares import check_shares
from tfsparse.training.watch import Diverged

__all__ = [
    "AUTO",
    "POLICIES",
    "STRATEGIES",
    "Compacted",
    "Diverged",
    "Settings",
    "best_epoch",
    "check_shares",
    "fastest",
    "fit",
    "has_checkpoint",
    "is_chief",
    "load_best",
    "make_strategy",
    "meet",
    "policy",
    "read_history",
]
