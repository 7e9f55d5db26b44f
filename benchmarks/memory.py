"""Memory of training: the peak against dense Keras', and whether it grows over epochs.

    python benchmarks/memory.py [--models=resnet18,vgg16] [--epochs=50]

Each peak is of a process of its own, over what it had before the model was trained. The bound for a masked network is dense
Keras' peak, TF-MOT's mask (4 bytes a weight) and 2 bytes a weight. Growth is what a training on digits holds after each epoch.
"""

import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pathlib
import resource
import subprocess
import sys

import tf_keras as keras
from absl import app, flags
from rich.console import Console
from rich.table import Table
from steps import Steps, noise

import tfsparse as ts
from tfsparse.files import write_json
from tfsparse.memory import peak_memory
from tfsparse.progress import progress

MODELS = flags.DEFINE_list("models", ["resnet18", "vgg16"], "Networks.")
EPOCHS = flags.DEFINE_integer("epochs", 50, "Epochs of digits.", lower_bound=1)
OUT = flags.DEFINE_string("out", "benchmarks/results/memory.json", "JSON file for all measurements.")
_ONE = flags.DEFINE_list("one", None, "Measure one network and one kind of training here, and print JSON.")

KINDS = {"dense": None, "masked": "none", "tost": "ghost_neurons,ghost_skips,label_smoothing"}
PAGE = resource.getpagesize()


def train(name, kind):
    """MB that eight steps take, and the number of prunable weights."""
    data = noise(128)
    model, task = ts.build_model(name, data), ts.Task(data, epochs=1000)
    weights = sum(variable.shape.num_elements() for variable in ts.prunable(model).values())
    mask = ts.find_mask(model, "random", sparsity=0.9)
    before = peak_memory()
    if kind == "dense":
        model.compile(keras.optimizers.SGD(0.1, momentum=0.9), task.loss_for(model))
    else:
        recipe = ts.Recipe(KINDS[kind])
        loss = recipe.loss(task.loss_for(model))
        model = ts.prepare(model, mask, recipe, task, initialize=False)
        model.compile(task.make_optimizer(), loss)
    steps = Steps(model, next(iter(data.train)))
    for _ in range(8):
        steps.step()
    return {"model": name, "kind": kind, "memory": peak_memory() - before, "weights": weights}


class Watch(keras.callbacks.Callback):
    """MB that the process holds after each epoch."""

    def __init__(self):
        super().__init__()
        self.held = []

    def on_epoch_end(self, epoch, logs=None):
        pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
        self.held.append(round(pages * PAGE / 1e6, 1))


def digits(epochs):
    data, watch = ts.load_data("digits", batch_size=128), Watch()
    model = ts.build_model("resnet20(width=0.25)", data)
    mask = ts.find_mask(model, "erk", sparsity=0.9)
    ts.train(model, ts.Task(data, epochs=epochs), mask, "tost", callbacks=[watch], verbose=0)
    return watch.held


def alone(*case):
    """In a new process."""
    command = [sys.executable, __file__, f"--one={','.join(case)}", f"--epochs={EPOCHS.value}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{case} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main(argv):
    if _ONE.value:
        print(json.dumps(digits(EPOCHS.value) if _ONE.value == ["digits"] else train(*_ONE.value)))
        return
    cases = [(name, kind) for name in MODELS.value for kind in KINDS]
    with progress() as shown:
        rows = [alone(*case) for case in shown(cases, "Measuring")]
    held = alone("digits")
    pathlib.Path(OUT.value).parent.mkdir(parents=True, exist_ok=True)
    write_json(pathlib.Path(OUT.value), {"rows": rows, "digits": held})
    table = Table("network", "training", "MB", "bound")
    for row in rows:
        dense = next(r for r in rows if (r["model"], r["kind"]) == (row["model"], "dense"))
        table.add_row(
            row["model"], row["kind"], f"{row['memory']:,.0f}", f"{dense['memory'] + 6e-6 * row['weights']:,.0f}"
        )
    Console().print(table)
    places = sorted({0, len(held) // 4, len(held) // 2, 3 * len(held) // 4, len(held) - 1})
    print("digits, MB after epoch " + ", ".join(f"{place + 1}: {held[place]:,.0f}" for place in places))


if __name__ == "__main__":
    app.run(main)
