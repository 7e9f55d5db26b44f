"""Accuracy of trained runs in every format, against Keras.

python benchmarks/export_accuracy.py --runs=saved_models/A,saved_models/B
"""

import os
import pathlib
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app, flags
from rich.console import Console
from rich.table import Table

from tfsparse.experiment import evaluate_files, export_run, open_run
from tfsparse.files import write_json
from tfsparse.progress import progress

RUNS = flags.DEFINE_list("runs", None, "Run folders that have finished training.", required=True)
OUT = flags.DEFINE_string("out", "benchmarks/results/export_accuracy.json", "JSON file for all measurements.")

FORMATS = ("saved_model", "tflite", "tflite(dtype='float16')", "tflite(dtype='int8')", "onnx")


def measure(run, folder):
    """Format -> (accuracy, bytes) of one run; `Keras` has no bytes."""
    experiment, _ = open_run(run)
    accuracies, sizes = {"Keras": evaluate_files(run, "test")["model"]}, {}
    for format in FORMATS:
        found = export_run(run, format, pathlib.Path(folder) / format)
        accuracies[format] = next(iter(evaluate_files(found.path, "test", data=experiment.data).values()))
        sizes[format] = found.bytes
    return {"run": pathlib.Path(run).name, "accuracy": accuracies, "bytes": sizes}


def main(argv):
    with progress() as shown, tempfile.TemporaryDirectory() as folder:
        rows = [measure(run, f"{folder}/{n}") for n, run in shown(list(enumerate(RUNS.value)), "Exporting")]
    out = pathlib.Path(OUT.value)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_json(out, {"rows": rows})
    table = Table("run", *rows[0]["accuracy"])
    for row in rows:
        table.add_row(row["run"], *[f"{value:.4f}" for value in row["accuracy"].values()])
    Console().print(table)


if __name__ == "__main__":
    app.run(main)
