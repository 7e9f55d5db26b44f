"""The numbers of a finished run."""

import numpy as np
import tensorflow as tf


def evaluate(model, task):
    """Accuracy of a plain model on the data it did not train on.

    Returns:
        dict with `validation_accuracy` and `test_accuracy`, as far as the task has such data.
    """
    sets = {"validation_accuracy": task.data.validation, "test_accuracy": task.data.test}
    return {name: accuracy(model, dataset) for name, dataset in sets.items() if dataset is not None}


def accuracy(predict, dataset):
    """Share of the images of `dataset` whose class `predict` gives the highest value.

    Args:
        predict: images (n, ...) -> array (n, classes): a Keras model or any other function.
        dataset: batched `tf.data.Dataset` of (images, labels); labels are class numbers or vectors over the classes.
    """
    right = count = 0
    predict = tf.function(predict, reduce_retracing=True) if isinstance(predict, tf.Module) else predict
    for images, labels in dataset:
        labels = np.argmax(labels, -1) if len(labels.shape) == 2 and labels.shape[-1] > 1 else np.ravel(labels)
        right += int(np.sum(np.argmax(predict(images), -1) == labels))
        count += len(labels)
    return right / count


def metrics(model, mask, history, accuracies, kernels):
    """What `metrics.json` holds, but for files and times.

    Args:
        model: trained plain model.
        mask: `Mask`, or None for a dense run.
        history: `keras.callbacks.History` of the training.
        accuracies: from `evaluate`.
        kernels: the model's prunable weights, path -> variable.
    """
    total = sum(int(np.prod(v.shape)) for v in kernels.values())
    live = sum(int(np.count_nonzero(v.numpy())) for v in kernels.values())
    return {
        **accuracies,
        **_best(history.history),
        "sparsity": mask.sparsity if mask is not None else 1 - live / total,
        "live_weights": mask.live if mask is not None else live,
        "prunable_weights": total,
        "nonzero_prunable_weights": live,
        "parameters": int(model.count_params()),
        "epochs": len(history.epoch),
    }


def _best(rows):
    """The best validation accuracy of the plain network: epochs in which ghosts still lived do not count."""
    accuracies = rows.get("val_accuracy", [])
    ghosts = [rows[name] for name in ("ghost_skips", "ghost_neurons") if name in rows]
    plain = [not any(strength[k] for strength in ghosts) for k in range(len(accuracies))]
    found = [(accuracy, -k) for k, (accuracy, ok) in enumerate(zip(accuracies, plain, strict=True)) if ok]
    if not found:
        return {}
    best, k = max(found)
    return {"best_validation_accuracy": best, "best_epoch": 1 - k}
