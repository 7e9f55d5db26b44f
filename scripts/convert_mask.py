"""Turns a mask made in PyTorch into one of ours, or ours into one for PyTorch, and shows what becomes of each entry.

    python scripts/convert_mask.py --path=theirs.npz --data=cifar10 --model=resnet18 --out=mask.safetensors
    python scripts/convert_mask.py --path=mask.safetensors --data=cifar10 --model=resnet18 --to_pytorch --out=theirs.npz

--data says for which images and classes the network is built; where the data are missing, give --input_shape=32,32,3
--num_classes=10 instead.
"""

import json
import logging
import os
import pathlib
import signal
import sys
import types

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up chatter hides what matters
signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback at Ctrl-C while modules load

from absl import flags as absl_flags
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tfsparse import flags
from tfsparse.data import load_data
from tfsparse.experiment import Experiment
from tfsparse.files import check_out
from tfsparse.mask import Mask, export_mask, import_mask, prunable
from tfsparse.mask.foreign import load_table
from tfsparse.mask.matching import torch_name
from tfsparse.models import build_model

PATH = flags.define_path("path", None, "Mask file to read: .safetensors or .npz.", required=True)
OUT = flags.define_path("out", "mask.safetensors", "File to write: .safetensors; for PyTorch .npz, too.")
NAMES = flags.define_path(
    "names", None, "JSON file, {name in PyTorch: weight path}, for both directions; default: by name, order and shape."
)
TO_PYTORCH = absl_flags.DEFINE_boolean("to_pytorch", False, "Write a mask of ours for PyTorch.")
INPUT_SHAPE = absl_flags.DEFINE_list("input_shape", None, "Height, width and channels of images; default: --data's.")
NUM_CLASSES = absl_flags.DEFINE_integer("num_classes", None, "Outputs of the network; default: --data's.", 2)


def main(argv):
    logging.getLogger("tfsparse.mask.interchange").setLevel(logging.WARNING)  # the table says the same
    with flags.reported_errors():
        if pathlib.Path(PATH.value).resolve() == pathlib.Path(OUT.value).resolve():
            raise ValueError(f"--out={OUT.value} is the file to read, which would be lost.")
        if not TO_PYTORCH.value and pathlib.Path(OUT.value).suffix != ".safetensors":
            raise ValueError(f"--out={OUT.value}: our masks are .safetensors files.")
        check_out(OUT.value, "--out")
        model = build_model(absl_flags.FLAGS.model, _sizes(flags.read(Experiment)))
        if TO_PYTORCH.value:
            mask = _export(Mask.load(PATH.value), model)
        else:
            mask = import_mask(PATH.value, model, names=NAMES.value)
            mask.save(OUT.value)
        Console(width=None if sys.stdout.isatty() else 140).print(_table(mask, model))
    print(f"{mask} in {OUT.value}")


def _sizes(experiment):
    """What a network is built for: the sizes given, or those of the data."""
    if (INPUT_SHAPE.value is None) != (NUM_CLASSES.value is None):
        raise ValueError("Give both --input_shape and --num_classes, or neither: then they are those of --data.")
    if INPUT_SHAPE.value is None:
        return load_data(experiment.data, batch_size=None, data_dir=experiment.data_dir, download=experiment.download)
    if len(INPUT_SHAPE.value) != 3 or not all(length.strip().isdecimal() for length in INPUT_SHAPE.value):
        raise ValueError(f"--input_shape={','.join(INPUT_SHAPE.value)}: give height,width,channels, such as 32,32,3.")
    shape = tuple(int(length) for length in INPUT_SHAPE.value)
    return types.SimpleNamespace(input_shape=shape, num_classes=NUM_CLASSES.value)


def _export(mask, model):
    """Writes `mask` for PyTorch; returns it as read back from the file."""
    given = load_table(NAMES.value) if NAMES.value else {}
    names = {path: torch_name(path) for path in mask} | {path: name for name, path in given.items()}
    export_mask(mask, model, OUT.value, names=names)
    return import_mask(OUT.value, model, names={name: path for path, name in names.items()})


def _table(mask, model):
    table = Table("entry", "shape", "weight", "shape here", "how")
    for column in table.columns:
        column.overflow = "fold"
    for row in json.loads(mask.metadata["entries"]):
        shape, to = ("x".join(map(str, row[key])) for key in ("shape", "to"))
        table.add_row(escape(row["entry"]), shape, escape(row["weight"]), to, f"{row['how']}, {row['found']}")
    left_out, dense = json.loads(mask.metadata["left_out"]), [path for path in prunable(model) if path not in mask]
    lines = [f"Left out, because they are not masks of kernels: {', '.join(left_out)}."] if left_out else []
    lines += [f"Not in the file, so they stay dense: {', '.join(dense)}."] if dense else []
    table.caption = escape("\n".join(lines)) or None
    return table


if __name__ == "__main__":
    flags.define(Experiment, only=("data", "data_dir", "download", "model"))
    flags.run(main)
