"""The weights of the best epoch, kept beside the last checkpoint."""

import pathlib

import tf_keras as keras

from tfsparse.training.weights_file import arrays_of, load_weights, read_facts, save_weights


def best_epoch(rows):
    """The first row with the best validation accuracy among epochs in which no ghost lived; None if there is none.

    >>> rows = [{"epoch": 1, "val_accuracy": 0.9, "ghost_skips": 0.5}, {"epoch": 2, "val_accuracy": 0.8, "ghost_skips": 0.0}]
    >>> best_epoch(rows)["epoch"]
    2
    """
    plain = [row for row in rows if not any(row[name] for name in row if name.startswith("ghost_"))]
    return max((row for row in plain if "val_accuracy" in row), key=lambda row: row["val_accuracy"], default=None)


class SaveBest(keras.callbacks.Callback):
    """Writes the plain network's weights (safetensors, by path) whenever an epoch is the best so far.

    Args:
        path: the file.
        weights: path -> variable of the plain network's weights.
        rows: history of the epochs so far, kept up to date by `HistoryFile`.
        writes: False on workers other than the chief; these still read the values, which are collected from all.
    """

    def __init__(self, path, weights, rows, *, writes=True):
        super().__init__()
        self.path, self.weights, self.rows, self.writes = pathlib.Path(path), weights, rows, writes

    def on_epoch_end(self, epoch, logs=None):
        best = best_epoch(self.rows)
        if best is None or best["epoch"] != epoch + 1:
            return
        arrays = arrays_of(self.weights)
        if self.writes:
            save_weights(self.path, arrays, epoch=epoch + 1)


def forget_later(path, completed):
    """Deletes what `SaveBest` wrote for an epoch beyond the completed ones: that epoch is trained once more, and with
    dropout another one may then be the best."""
    if path.is_file() and _epoch(path) > completed:
        path.unlink()


def _epoch(path):
    """The epoch of a file of `SaveBest`; 1 if the file does not say, or cannot be read."""
    try:
        return int(read_facts(path).get("epoch", 1))
    except (ValueError, TypeError):
        return 1


def load_best(path, weights):
    """Sets `weights` (path -> variable) to what `SaveBest` wrote.

    Raises:
        ValueError: the file is damaged or of another model.
    """
    load_weights(path, weights, "Delete it and run the same again: only the accuracy at the best epoch is lost.")
