"""Masked training steps with oneDNN and without, each in a process of its own, in turn.

    python benchmarks/onednn.py

TensorFlow lets oneDNN compute on processors with AVX-512 only; tfsparse asks for it on every x86 processor.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pathlib
import statistics
import subprocess
import sys

from absl import app, flags
from rich.console import Console
from rich.table import Table
from steps import Steps, noise, processor

import tfsparse as ts
from tfsparse.files import write_json
from tfsparse.progress import progress

MODELS = flags.DEFINE_list("models", ["resnet8", "resnet20", "vgg16", "mobilenet"], "Networks.")
REPEATS = flags.DEFINE_integer("repeats", 3, "Turns, of which the median counts.", lower_bound=1)
OUT = flags.DEFINE_string("out", "benchmarks/results/onednn.json", "JSON file for all measurements.")
_ONE = flags.DEFINE_string("one", None, "Measure one network here, and print its seconds.")

BATCH_SIZE, SPARSITY, STEPS = 128, 0.9, 5


def seconds(name):
    """Median time of a masked training step, in the process that calls."""
    data = noise(BATCH_SIZE)
    task, model = ts.Task(data, epochs=1000), ts.build_model(name, data)
    prepared = ts.prepare(model, ts.find_mask(model, "random", sparsity=SPARSITY), "none", task)
    prepared.compile(task.make_optimizer(), task.loss_for(model))
    steps = Steps(prepared, next(iter(data.train)))
    steps.step()
    steps.step()  # the first traces, the second may still allocate
    return statistics.median(steps.step() for _ in range(STEPS))


def measure(name, onednn):
    """As `seconds`, in a new process."""
    command = [sys.executable, __file__, f"--one={name}"]
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": str(int(onednn))}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{name} failed.")
    return float(done.stdout.splitlines()[-1])


def main(argv):
    if _ONE.value:
        print(seconds(_ONE.value))
        return
    rows, shown = [], Table("network", "with", "without", "times as fast", title="Masked steps, seconds, medians")
    with progress() as watched:
        for name in watched(MODELS.value, "Measuring"):
            turns = [(measure(name, True), measure(name, False)) for _ in range(REPEATS.value)]
            rows.append({"model": name, "seconds": turns})
            with_it, without = (statistics.median(column) for column in zip(*turns, strict=True))
            ratio = statistics.median(slow / fast for fast, slow in turns)
            shown.add_row(name, f"{with_it:.3f}", f"{without:.3f}", f"{ratio:.2f}")
    path = pathlib.Path(OUT.value)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"processor": processor(), "cores": os.cpu_count(), "batch_size": BATCH_SIZE, "rows": rows})
    Console().print(shown)


if __name__ == "__main__":
    app.run(main)
