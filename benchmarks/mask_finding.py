"""Time and memory that finding a mask takes, tracing included, in multiples of a dense Keras training step.

    python benchmarks/mask_finding.py [--models=resnet18,vgg16] [--repeats=3] [--out=benchmarks/results/mask_finding.json]

Images are noise, 32x32, batches of 128: no data is needed. Every measurement is a process of its own, so that nothing is
traced or allocated beforehand; training steps and methods take turns, and the medians count. The processor time of all cores
is shown as well: it hardly changes when other processes are busy. Memory is the growth of the process's peak after the
model is built (on a GPU: of the host's share only), the greatest of the repeats; its limit is that of a training step plus
two copies of the weights.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import json
import pathlib
import statistics
import time

from absl import app, flags
from measured import alone, machine
from rich.console import Console
from rich.table import Table
from steps import Steps, noise

import tfsparse as ts
from tfsparse.files import write_json
from tfsparse.memory import peak_memory
from tfsparse.progress import progress
from tfsparse.registry import parse_list

MODELS = flags.DEFINE_list("models", ["resnet18", "vgg16"], "Networks.")
METHODS = flags.DEFINE_string("methods", "snip(batches=10),grasp(batches=10),synflow", "Mask methods.")
SPARSITY = flags.DEFINE_float("sparsity", 0.99, "Of the masks.")
REPEATS = flags.DEFINE_integer("repeats", 3, "Measurements of each, of which the median counts.", lower_bound=1)
OUT = flags.DEFINE_string("out", None, "JSON file for all measurements.")
_ONE = flags.DEFINE_string("one", None, "Measure one network and one method (or 'step') here, and print JSON.")

STEP, BATCHES, BATCH_SIZE, WARM_UP, STEPS = "step", 10, 128, 2, 5
# Seconds that the authors' PyTorch code took on two cores in float32 (minimum of several), with 10 batches or 100 rounds.
PYTORCH = {
    "resnet18": {STEP: 1.99, "snip": 21.3, "grasp": 99.7, "synflow": 24.8},
    "vgg16": {"snip": 10.9, "grasp": 52.7, "synflow": 32.8},
}


def seconds(action):
    """Seconds by the clock, and of the processor."""
    start, busy = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - start, time.process_time() - busy


def measure(name, method):
    """Seconds and memory (MB) of one search, or of one training step, in this process."""
    data = noise(BATCH_SIZE, BATCHES)
    model, task = ts.build_model(name, data), ts.Task(data)
    before, sizes = peak_memory(), [w.shape.num_elements() for w in ts.prunable(model).values()]
    if method == STEP:
        model.compile(task.make_optimizer(), task.loss_for(model))
        steps = Steps(model, next(iter(data.train)))
        times = [seconds(steps.step) for _ in range(WARM_UP + STEPS)]
        took = [statistics.median(column) for column in zip(*times[WARM_UP:], strict=True)]
    else:
        took = seconds(lambda: ts.find_mask(model, method, sparsity=SPARSITY.value, task=task))
    facts = {"seconds": took[0], "busy": took[1], "memory": peak_memory() - before, "weights": 4e-6 * sum(sizes)}
    return {"model": name, "method": method, **facts}


def table(rows):
    shown = Table("network", "method", title=f"Finding masks at sparsity {SPARSITY.value}, {REPEATS.value} repeats")
    for column in ("seconds", "steps", "CPU s", "steps", "MB", "limit", "PyTorch s"):
        shown.add_column(column, justify="right")
    for name, method in dict.fromkeys((row["model"], row["method"]) for row in rows):
        own, step = ([row for row in rows if (row["model"], row["method"]) == (name, each)] for each in (method, STEP))
        cells = []
        for key in ("seconds", "busy"):
            took, unit = (statistics.median(row[key] for row in group) for group in (own, step))
            cells += [f"{took:.2f}", f"{took / unit:.1f}"]
        limit = max(row["memory"] for row in step) + 2 * own[0]["weights"]
        memory = [f"{max(row['memory'] for row in own):,.0f}", "" if method == STEP else f"{limit:,.0f}"]
        shown.add_row(name, method, *cells, *memory, str(PYTORCH.get(name, {}).get(method.split("(")[0], "")))
    shown.caption = "PyTorch: the references' code on two cores of another such machine; for orientation"
    return shown


def main(argv):
    if _ONE.value:
        print(json.dumps(measure(*_ONE.value.split(",", 1))))
        return
    cases = [(n, m) for _ in range(REPEATS.value) for n in MODELS.value for m in (STEP, *parse_list(METHODS.value))]
    with progress() as shown:
        rows = [
            alone(__file__, ",".join(case), f"--sparsity={SPARSITY.value}") | {"load": os.getloadavg()[0]} | machine()
            for case in shown(cases, "Measuring")
        ]
    if OUT.value:
        write_json(pathlib.Path(OUT.value), rows)
    Console().print(table(rows))


if __name__ == "__main__":
    app.run(main)
