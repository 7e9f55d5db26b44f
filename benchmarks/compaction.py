"""How much of a training step it saves to take out dead channels: by mask, sparsity and network.

    python benchmarks/compaction.py [--models=resnet18,vgg16] [--sparsities=0.9,0.95,0.98]

Each network and mask is trained with and without its dead channels in turn; the ratio is the median of the ratios within a
turn. Operations are those of convolutions and dense layers, counted as dense in both. Rows of other cases in the file stay.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf
import tf_keras as keras
from absl import app, flags
from measured import spread, write_rows
from rich.console import Console
from rich.table import Table
from steps import masked_steps, noise

import tfsparse as ts
from tfsparse.compaction import compact
from tfsparse.mask import Mask, apply_mask
from tfsparse.progress import progress
from tfsparse.registry import parse_list

MODELS = flags.DEFINE_list("models", ["resnet18", "vgg16"], "Networks.")
MASKS = flags.DEFINE_string("masks", "erk,snip,synflow,magnitude(pattern='filter')", "Methods.")
SPARSITIES = flags.DEFINE_list("sparsities", ["0.9", "0.95", "0.98"], "Of the masks.")
BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Images a step.", lower_bound=1)
REPEATS = flags.DEFINE_integer("repeats", 5, "Turns, of which the median counts.", lower_bound=1)
OUT = flags.DEFINE_string("out", "benchmarks/results/compaction.json", "JSON file for all measurements.")


def operations(model):
    return ts.diagnose(model, Mask.ones(model)).dense_flops


def measure(name, method, sparsity):
    keras.utils.set_random_seed(0)
    data = noise(BATCH_SIZE.value, 4)
    task, model = ts.Task(data), ts.build_model(name, data)
    mask = ts.find_mask(model, method, sparsity=sparsity, task=task)
    compaction = compact(apply_mask(model, mask), mask)
    batch = next(iter(data.train))
    whole, small = (
        masked_steps(*masked, "none", task, batch) for masked in ((model, mask), (compaction.model, compaction.mask))
    )
    for steps in (whole, small, whole, small):
        steps.step()
    turns = [(whole.step(), small.step()) for _ in range(REPEATS.value)]
    facts = {"channels": compaction.channels, "operations": (operations(model), operations(compaction.model))}
    keras.backend.clear_session()
    case = {"model": name, "mask": method, "sparsity": sparsity, "batch_size": BATCH_SIZE.value}
    return {**case, **facts, "seconds": turns}


def main(argv):
    tf.get_logger().setLevel("ERROR")
    cases = [(n, m, float(s)) for n in MODELS.value for m in parse_list(MASKS.value) for s in SPARSITIES.value]
    with progress() as shown:
        rows = [measure(*case) for case in shown(cases, "Measuring")]
    rows = write_rows(OUT.value, rows, ("model", "mask", "sparsity"))
    table = Table("network", "mask", "sparsity", "channels left", "operations left", "times as fast")
    for row in rows:
        left = [f"{after / before:.1%}" for before, after in (row["channels"], row["operations"])]
        speed = spread([whole / small for whole, small in row["seconds"]])
        table.add_row(row["model"], row["mask"], str(row["sparsity"]), *left, speed)
    Console().print(table)


if __name__ == "__main__":
    app.run(main)
