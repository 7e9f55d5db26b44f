"""Time of one iteration of the rescaled initialisation: the step on the objective, and the one on the gradient's norm.

python benchmarks/rescaled_init.py [--models=resnet18,resnet32] [--repeats=3]

Batches of 128, so that each gradient is of 256 images; a random mask at 90 %. An iteration is the difference between runs of
one and of three, so that tracing is not in it.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pathlib
import statistics
import time

import tf_keras as keras
from absl import app, flags
from rich.console import Console
from rich.table import Table
from steps import noise

import tfsparse as ts
from tfsparse.files import write_json
from tfsparse.progress import progress
from tfsparse.recipe import RescaledInit

MODELS = flags.DEFINE_list("models", ["resnet18", "resnet32"], "Networks.")
REPEATS = flags.DEFINE_integer("repeats", 3, "Measurements, of which the median counts.", lower_bound=1)
OUT = flags.DEFINE_string("out", "benchmarks/results/rescaled_init.json", "JSON file for all measurements.")

GAMMA = {"objective": 1e9, "constraint": 1e-9}  # a bound on the norm that always holds, and one that never does
LONG, SHORT = 3, 1


def seconds(name, kind):
    """Of one iteration."""
    keras.utils.set_random_seed(0)
    data = noise(128, 4)
    model, task = ts.build_model(name, data), ts.Task(data)
    mask = ts.find_mask(model, "random", sparsity=0.9)
    took = {}
    for iterations in (LONG, SHORT):
        start = time.perf_counter()
        RescaledInit(iterations=iterations, gamma=GAMMA[kind]).run(model, mask, task)
        took[iterations] = time.perf_counter() - start
    keras.backend.clear_session()
    return (took[LONG] - took[SHORT]) / (LONG - SHORT)


def main(argv):
    cases = [(name, kind) for _ in range(REPEATS.value) for name in MODELS.value for kind in GAMMA]
    with progress() as shown:
        rows = [{"model": n, "kind": kind, "seconds": seconds(n, kind)} for n, kind in shown(cases, "Measuring")]
    pathlib.Path(OUT.value).parent.mkdir(parents=True, exist_ok=True)
    write_json(pathlib.Path(OUT.value), {"rows": rows})
    table = Table("network", "step on", "seconds an iteration")
    for name, kind in dict.fromkeys((row["model"], row["kind"]) for row in rows):
        own = [row["seconds"] for row in rows if (row["model"], row["kind"]) == (name, kind)]
        table.add_row(name, kind, f"{statistics.median(own):.2f}")
    Console().print(table)


if __name__ == "__main__":
    app.run(main)
