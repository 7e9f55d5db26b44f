"""Time of one iteration of the rescaled initialisation: the step on the objective, and the one on the gradient's norm.

python benchmarks/rescaled_init.py [--models=resnet18,resnet32] [--repeats=3]

Batches of 128, so that each gradient is of 256 images; a random mask at 90 %. The time of an iteration is half the difference
between runs of three and of one, which leaves out tracing; the first measurement, which takes longer, is discarded.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tf_keras as keras
from absl import app, flags
from measured import seconds, spread, write_rows
from rich.console import Console
from rich.table import Table
from steps import noise

import tfsparse as ts
from tfsparse.progress import progress
from tfsparse.recipe import RescaledInit

MODELS = flags.DEFINE_list("models", ["resnet18", "resnet32"], "Networks.")
REPEATS = flags.DEFINE_integer("repeats", 3, "Measurements, of which the median counts.", lower_bound=1)
OUT = flags.DEFINE_string("out", "benchmarks/results/rescaled_init.json", "JSON file for all measurements.")

GAMMA = {"objective": 1e9, "constraint": 1e-9}  # a bound on the norm that always holds, and one that never does
LONG, SHORT = 3, 1


def iteration(name, kind):
    """Seconds of one iteration."""
    keras.utils.set_random_seed(0)
    data = noise(128, 4)
    model, task = ts.build_model(name, data), ts.Task(data)
    mask = ts.find_mask(model, "random", sparsity=0.9)
    took = {}
    for iterations in (LONG, SHORT):
        ingredient = RescaledInit(iterations=iterations, gamma=GAMMA[kind])
        took[iterations] = seconds(lambda ingredient=ingredient: ingredient.run(model, mask, task))
    keras.backend.clear_session()
    return (took[LONG] - took[SHORT]) / (LONG - SHORT)


def main(argv):
    cases = [(name, kind) for name in MODELS.value for kind in GAMMA]
    iteration(*cases[0])
    took = {case: [] for case in cases}
    with progress() as shown:
        for case in shown(cases * REPEATS.value, "Measuring"):
            took[case].append(iteration(*case))
    rows = [{"model": name, "kind": kind, "seconds": values} for (name, kind), values in took.items()]
    rows = write_rows(OUT.value, rows, ("model", "kind"))
    table = Table("network", "step on", "seconds an iteration")
    for row in rows:
        table.add_row(row["model"], row["kind"], spread(row["seconds"]))
    Console().print(table)


if __name__ == "__main__":
    app.run(main)
