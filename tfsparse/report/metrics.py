"""The numbers of a finished run."""

import numpy as np

from tfsparse.task.accuracy import accuracy
from tfsparse.task.metrics import ignored


def evaluate(model, task):
    """Accuracy of a plain model on the data it did not train on.

    Returns:
        dict with `validation_accuracy` and `test_accuracy`, where the task has such data and their labels are classes.
    """
    sets = {"validation_accuracy": task.data.validation, "test_accuracy": task.data.test}
    found = {name: accuracy(model, part, ignored=ignored(task.loss)) for name, part in sets.items() if part is not None}
    return {name: share for name, share in found.items() if share is not None}


def metrics(model, mask, best, epochs, accuracies, kernels):
    """What `metrics.json` holds, except files and times.

    Args:
        model: trained plain model.
        mask: `Mask`, or None for a dense run.
        best: history row of the best epoch (a dict with `epoch` and `val_accuracy`), or None.
        epochs: how many were trained.
        accuracies: from `evaluate`.
        kernels: the model's prunable weights, path -> variable; those that the mask covers are counted.
    """
    kernels = kernels if mask is None else {path: kernels[path] for path in mask}  # `prunable`, `exclude` may omit some
    total = sum(int(np.prod(v.shape)) for v in kernels.values())
    live = sum(int(np.count_nonzero(v.numpy())) for v in kernels.values())
    return {
        **accuracies,
        **({"best_validation_accuracy": best["val_accuracy"], "best_epoch": best["epoch"]} if best else {}),
        "sparsity": mask.sparsity if mask is not None else 1 - live / total,
        "live_weights": mask.live if mask is not None else live,
        "prunable_weights": total,
        "nonzero_prunable_weights": live,
        "parameters": int(model.count_params()),
        "epochs": epochs,
    }
