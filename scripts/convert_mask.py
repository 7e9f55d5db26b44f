"""Turns a mask made in PyTorch into one of ours, or ours into one for PyTorch, and shows what became of each entry.

    python scripts/convert_mask.py --path=theirs.npz --model=resnet18 --out=mask.safetensors
    python scripts/convert_mask.py --path=mask.safetensors --model=resnet18 --to_pytorch --out=theirs.safetensors

The network is built for --input_shape and --num_classes; no data are needed.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up chatter hides what matters

import json

from absl import flags as absl_flags
from rich.console import Console
from rich.table import Table

from tfsparse import flags
from tfsparse.experiment import Experiment
from tfsparse.mask import Mask, export_mask, import_mask
from tfsparse.models import MODELS
from tfsparse.registry import resolve

PATH = absl_flags.DEFINE_string("path", None, "Mask file to read.", required=True)
OUT = absl_flags.DEFINE_string("out", "mask.safetensors", "File that is written.")
NAMES = absl_flags.DEFINE_string(
    "names", None, "JSON file: a table from names in the file to weight paths; default: by name, or shape."
)
TO_PYTORCH = absl_flags.DEFINE_boolean("to_pytorch", False, "Write for PyTorch instead of reading from it.")
INPUT_SHAPE = absl_flags.DEFINE_list("input_shape", ["32", "32", "3"], "Height, width and channels of the images.")
NUM_CLASSES = absl_flags.DEFINE_integer("num_classes", 10, "Outputs of the network.", lower_bound=1)


def main(argv):
    with flags.reported_errors():
        entry, options = resolve(MODELS, absl_flags.FLAGS.model, "model")
        model = entry(tuple(int(length) for length in INPUT_SHAPE.value), NUM_CLASSES.value, **options)
        if TO_PYTORCH.value:
            mask = Mask.load(PATH.value)
            export_mask(mask, model, OUT.value)
        else:
            mask = import_mask(PATH.value, model, names=NAMES.value)
            mask.save(OUT.value)
    if not TO_PYTORCH.value:
        table = Table("entry", "shape", "weight", "how")
        for row in json.loads(mask.metadata["entries"]):
            table.add_row(row["entry"], "x".join(map(str, row["shape"])), row["weight"], row["how"])
        Console().print(table)
    print(f"{mask} in {OUT.value}")


if __name__ == "__main__":
    flags.define(Experiment, only=("model",))
    flags.run(main)
