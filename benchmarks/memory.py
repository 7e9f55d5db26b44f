"""Memory of training: its peak compared with dense training's, and whether it grows over epochs.

    python benchmarks/memory.py [--models=resnet18,vgg16] [--epochs=50]

Each peak is that of a process of its own, less what it held before the model was compiled. Growth is what a training on
digits holds after each epoch.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import gc
import json
import pathlib
import resource

import tf_keras as keras
from absl import app, flags
from measured import alone, growth, machine, write_rows
from rich.console import Console
from rich.table import Table
from steps import dense_steps, masked_steps, noise

import tfsparse as ts
from tfsparse.memory import peak_memory
from tfsparse.progress import progress

MODELS = flags.DEFINE_list("models", ["resnet18", "vgg16"], "Networks.")
EPOCHS = flags.DEFINE_integer("epochs", 50, "Epochs of digits.", lower_bound=1)
OUT = flags.DEFINE_string("out", "benchmarks/results/memory.json", "JSON file for all measurements.")
_ONE = flags.DEFINE_list("one", None, "Measure one network and one kind of training here, and print JSON.")

KINDS = {"dense": None, "masked": "none", "tost": "ghost_neurons,ghost_skips,label_smoothing"}


def held():
    """MB that the process holds."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def train(name, kind):
    """MB that eight steps take, and the number of prunable weights."""
    data = noise(128)
    model, task, batch = ts.build_model(name, data), ts.Task(data, epochs=1000), next(iter(data.train))
    weights = sum(variable.shape.num_elements() for variable in ts.prunable(model).values())
    mask = None if kind == "dense" else ts.find_mask(model, "random", sparsity=0.9)
    gc.collect()
    before = held()  # not the peak so far: the training can use what the mask search has given back
    steps = masked_steps(model, mask, KINDS[kind], task, batch) if mask else dense_steps(model, task, batch)
    for _ in range(8):
        steps.step()
    return {"model": name, "kind": kind, "memory": peak_memory() - before, "weights": weights}


class Watch(keras.callbacks.Callback):
    """MB that the process holds after each epoch."""

    def __init__(self):
        super().__init__()
        self.held = []

    def on_epoch_end(self, epoch, logs=None):
        self.held.append(round(held(), 1))


def digits(epochs):
    data, watch = ts.load_data("digits", batch_size=128), Watch()
    model = ts.build_model("resnet20(width=0.25)", data)
    mask = ts.find_mask(model, "erk", sparsity=0.9)
    ts.train(model, ts.Task(data, epochs=epochs), mask, "tost", callbacks=[watch], verbose=0)
    return watch.held


def main(argv):
    if _ONE.value:
        print(json.dumps(digits(EPOCHS.value) if _ONE.value == ["digits"] else train(*_ONE.value)))
        return
    cases = [(name, kind) for name in MODELS.value for kind in KINDS]
    with progress() as shown:
        rows = [alone(__file__, ",".join(case)) for case in shown(cases, "Measuring")]
    found = {"held": alone(__file__, "digits", f"--epochs={EPOCHS.value}"), **machine()}
    rows = write_rows(OUT.value, rows, ("model", "kind"), digits=found)
    table = Table("network", "training", "MB")
    for row in rows:
        table.add_row(row["model"], row["kind"], f"{row['memory']:,.0f}")
    Console().print(table)
    print(f"digits, MB: {growth(found['held'])}")


if __name__ == "__main__":
    app.run(main)
