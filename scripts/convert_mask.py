"""Turns a mask made in PyTorch into one of ours, or ours into one for PyTorch, and shows what became of each entry.

    python scripts/convert_mask.py --path=theirs.npz --data=cifar10 --model=resnet18 --out=mask.safetensors
    python scripts/convert_mask.py --path=mask.safetensors --data=cifar10 --model=resnet18 --to_pytorch --out=theirs.npz

--data says for which images and classes the network is built. Without the data: --input_shape=32,32,3 --num_classes=10.
"""

import json
import os
import pathlib
import types

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up chatter hides what matters

from absl import flags as absl_flags
from rich.console import Console
from rich.table import Table

from tfsparse import flags
from tfsparse.data import load_data
from tfsparse.experiment import Experiment
from tfsparse.mask import Mask, export_mask, import_mask
from tfsparse.models import build_model

PATH = absl_flags.DEFINE_string("path", None, "Mask file to read: .safetensors or .npz.", required=True)
OUT = absl_flags.DEFINE_string("out", "mask.safetensors", "File to write; for PyTorch .safetensors or .npz.")
NAMES = absl_flags.DEFINE_string(
    "names", None, "JSON file, {name in PyTorch: weight path}, for both directions; default: by name, order and shape."
)
TO_PYTORCH = absl_flags.DEFINE_boolean("to_pytorch", False, "Write a mask of ours for PyTorch.")
INPUT_SHAPE = absl_flags.DEFINE_list(
    "input_shape", None, "Height, width and channels of the images; default: --data's."
)
NUM_CLASSES = absl_flags.DEFINE_integer("num_classes", None, "Outputs of the network; default: --data's.", 2)


def main(argv):
    with flags.reported_errors():
        model = build_model(absl_flags.FLAGS.model, _sizes(flags.read(Experiment)))
        console = Console()
        if TO_PYTORCH.value:
            mask = Mask.load(PATH.value)
            export_mask(mask, model, OUT.value, names=_turned(NAMES.value))
        else:
            mask = import_mask(PATH.value, model, names=NAMES.value)
            if pathlib.Path(OUT.value).suffix != ".safetensors":
                raise ValueError(f"--out={OUT.value}: our masks are .safetensors files.")
            mask.save(OUT.value)
            console.print(_table(mask))
    print(f"{mask} in {OUT.value}")


def _sizes(experiment):
    """What a network is built for: the sizes given, or those of the data."""
    if (INPUT_SHAPE.value is None) != (NUM_CLASSES.value is None):
        raise ValueError("Give --input_shape and --num_classes both, or neither: then --data says them.")
    if INPUT_SHAPE.value is None:
        return load_data(experiment.data, data_dir=experiment.data_dir, download=experiment.download)
    if len(INPUT_SHAPE.value) != 3 or not all(length.strip().isdecimal() for length in INPUT_SHAPE.value):
        raise ValueError(f"--input_shape={','.join(INPUT_SHAPE.value)}: give height,width,channels, such as 32,32,3.")
    shape = tuple(int(length) for length in INPUT_SHAPE.value)
    return types.SimpleNamespace(input_shape=shape, num_classes=NUM_CLASSES.value)


def _turned(names):
    """The table of a JSON file the other way round: weight path -> name in PyTorch."""
    if names is None:
        return None
    table = json.loads(pathlib.Path(names).read_text(encoding="utf-8"))
    if not isinstance(table, dict) or len(set(map(str, table.values()))) < len(table):
        raise ValueError(f"{names} is no table {{name in PyTorch: weight path}} with every weight once.")
    return {path: name for name, path in table.items()}


def _table(mask):
    table = Table("entry", "shape", "weight", "shape there", "how", "found")
    for row in json.loads(mask.metadata["entries"]):
        shapes = ("x".join(map(str, row[key])) for key in ("shape", "to"))
        table.add_row(row["entry"], next(shapes), row["weight"], next(shapes), row["how"], row["found"])
    left_out = json.loads(mask.metadata["left_out"])
    table.caption = f"Left out, no kernels' masks: {', '.join(left_out)}." if left_out else None
    return table


if __name__ == "__main__":
    flags.define(Experiment, only=("data", "data_dir", "download", "model"))
    flags.run(main)
