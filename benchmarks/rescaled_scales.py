"""What the rescaled initialisation makes of a sparse network: loss, gradient's norm, and the scales that fall to their bound.

python benchmarks/rescaled_scales.py [--masks=erk,snip] [--min_scales=0.01,0.5]

ResNet-20 on CIFAR-10 with masks at 98 %, batches of 128, 180 iterations. Rows of other masks and bounds in the file stay; those
of erk in the repository are from before `norm_steps` was counted.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import itertools

import tf_keras as keras
from absl import app, flags
from measured import write_rows
from rich.console import Console
from rich.table import Table

import tfsparse as ts
from tfsparse.mask import apply_mask
from tfsparse.recipe import RescaledInit
from tfsparse.registry import parse_list

MASKS = flags.DEFINE_string("masks", "erk,snip", "Mask methods.")
MIN_SCALES = flags.DEFINE_list("min_scales", ["0.01", "0.5"], "Lower bounds of the scales.")
OUT = flags.DEFINE_string("out", "benchmarks/results/rescaled_scales.json", "JSON file for all measurements.")

SHOWN = (0, 20, 40, 60, 120, 179)  # iterations


def measure(method, min_scale):
    """One rescaling; a dict of losses and norms after some iterations, and the scales that it ends with."""
    keras.utils.set_random_seed(0)
    data = ts.load_data("cifar10", batch_size=128)
    model, task = ts.build_model("resnet20", data), ts.Task(data)
    mask = ts.find_mask(model, method, sparsity=0.98, task=task)
    apply_mask(model, mask)
    rows = RescaledInit(min_scale=min_scale).run(model, mask, task)
    scales = dict(zip(rows[-1]["names"], map(float, rows[-1]["scales"]), strict=True))
    keras.backend.clear_session()
    return {
        "mask": method,
        "min_scale": min_scale,
        "losses": {step: rows[step]["loss"] for step in SHOWN},
        "norm_steps": sum(row["updated_loss"] is None for row in rows),  # the others are on the objective
        "norms": {step: rows[step]["norm"] for step in SHOWN},
        "scales": {name: scale for name, scale in scales.items() if name.endswith(("kernel", "gamma"))},
    }


def main(argv):
    rows = []
    for method, bound in itertools.product(parse_list(MASKS.value), MIN_SCALES.value):
        rows.append(measure(method, float(bound)))
        write_rows(OUT.value, rows, ("mask", "min_scale"))
    table = Table("mask", "lower bound", "loss", "gradient's norm", "norms at the bound", "classifier's scale")
    for row in rows:
        path = [" -> ".join(f"{row[name][step]:.2f}" for step in (SHOWN[0], SHOWN[-1])) for name in ("losses", "norms")]
        fallen = sum(name.endswith("gamma") and scale <= row["min_scale"] for name, scale in row["scales"].items())
        classifier = f"{row['scales']['classifier/kernel']:.2f}"
        table.add_row(row["mask"], str(row["min_scale"]), *path, str(fallen), classifier)
    Console().print(table)


if __name__ == "__main__":
    app.run(main)
