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


def metrics(model, mask, best, epochs, accuracies, kernels):
    """What `metrics.json` holds, but for files and times.

    Args:
        model: trained plain model.
        mask: `Mask`, or None for a dense run.
        best: history row of the best epoch (a dict with `epoch` and `val_accuracy`), or None.
        epochs: how many were trained.
        accuracies: from `evaluate`.
        kernels: the model's prunable weights, path -> variable; those that the mask covers are counted.
    """
    kernels = kernels if mask is None else {path: kernels[path] for path in mask}  # `prunable`, `exclude`
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
