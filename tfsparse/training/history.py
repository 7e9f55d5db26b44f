"""The history of a training: one CSV row per epoch, the file complete after every epoch."""

import csv
import pathlib
import time

import tf_keras as keras

from tfsparse.files import written_aside


class HistoryFile(keras.callbacks.Callback):
    """Writes `history.csv`: epoch, seconds, and all that the logs hold.

    Args:
        path: the file; None keeps the rows in memory only.
        completed: epochs that the checkpoint holds. Rows beyond them, of an epoch whose checkpoint was not
            finished, are dropped.
        writes: False on workers other than the chief, which keep the rows all the same.
    """

    def __init__(self, path, completed=0, *, writes=True):
        super().__init__()
        self.writes = writes
        self.path = None if path is None else pathlib.Path(path)
        rows = read_history(path) if self.path and completed else []
        self.rows = [row for row in rows if row["epoch"] <= completed]

    def on_epoch_begin(self, epoch, logs=None):
        self._started = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        numbers = {name: float(value) for name, value in (logs or {}).items()}
        self.rows.append({"epoch": epoch + 1, "seconds": round(time.monotonic() - self._started, 3), **numbers})
        if self.path and self.writes:
            with written_aside(self.path) as scratch, open(scratch, "w", newline="", encoding="utf-8") as out:
                # Not just those of the last row: callbacks may log in some epochs only.
                columns = list(dict.fromkeys(name for row in self.rows for name in row))
                writer = csv.DictWriter(out, fieldnames=columns)
                writer.writeheader()
                writer.writerows(self.rows)


def read_history(path):
    """The rows of a history file as dicts of the numbers that were logged; an empty list if there is no file.

    Raises:
        ValueError: the file is damaged.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        return []
    try:
        with open(path, newline="", encoding="utf-8") as source:
            rows = [{name: float(text) for name, text in row.items() if text != ""} for row in csv.DictReader(source)]
        return [{**row, "epoch": int(row["epoch"])} for row in rows]
    except (ValueError, TypeError, KeyError, OverflowError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(
            f"History file {path} is damaged ({error}). Delete it; training goes on without it."
        ) from error
