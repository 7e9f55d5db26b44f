"""Bytes of exported files, raw and gzipped: format by format, network by network, sparsity by sparsity.

    python benchmarks/export_size.py [--models=resnet18,vgg16] [--sparsities=0,0.9] [--mask=erk]

Networks are untrained, and masks are drawn at random by layer (ERK): file sizes depend on where the zeros are, hardly on the
values of weights. The files are written, loaded and compared as in any export. Rows of other networks, masks, sparsities and
formats in the JSON file stay.
"""

import os
import pathlib
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import logging

import tensorflow as tf
import tf_keras as keras
from absl import app, flags
from measured import write_rows
from rich.console import Console
from rich.table import Table
from steps import noise

import tfsparse as ts
from tfsparse.mask import apply_mask
from tfsparse.models import MODELS as ALL
from tfsparse.progress import progress
from tfsparse.registry import parse_list

MODELS = flags.DEFINE_list("models", sorted(set(ALL) - {"resnet104"}), "Networks.")
SPARSITIES = flags.DEFINE_list("sparsities", ["0", "0.8", "0.9", "0.95", "0.98"], "Of the masks.")
MASK = flags.DEFINE_string("mask", "erk", "Method.")
OUT = flags.DEFINE_string("out", "benchmarks/results/export_size.json", "JSON file for all measurements.")

FORMATS = flags.DEFINE_string(
    "formats", "tflite,tflite(dtype='float16'),tflite(dtype='int8'),onnx,saved_model", "Formats of the files."
)


def measure(name, sparsity, folder):
    """One row for each format."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    data = noise(64)
    model = ts.build_model(name, data)
    mask = ts.find_mask(model, MASK.value, sparsity=sparsity) if sparsity else None
    if mask is not None:
        apply_mask(model, mask)
    for format in parse_list(FORMATS.value):
        found = ts.export_model(model, format, pathlib.Path(folder) / format, mask=mask, data=data, images=4)
        sizes = {"bytes": found.bytes, "gzip_bytes": found.gzip_bytes, "stored": found.variant}
        case = {"model": name, "mask": MASK.value, "sparsity": sparsity, "format": format}
        yield {**case, **sizes, "parameters": found.parameters}


def main(argv):
    tf.get_logger().setLevel("ERROR")
    logging.getLogger("tfsparse").setLevel("ERROR")
    cases = [(name, float(sparsity)) for name in MODELS.value for sparsity in SPARSITIES.value]
    rows = []
    with progress() as shown, tempfile.TemporaryDirectory() as folder:
        for case in shown(cases, "Exporting"):
            rows += measure(*case, folder)
    rows = write_rows(OUT.value, rows, ("model", "mask", "sparsity", "format"))
    table = Table("network", "mask", "sparsity", "format", "stored", "MB", "gzipped", "of dense float32")
    dense = {row["model"]: row["bytes"] for row in rows if row["format"] == "tflite" and row["sparsity"] == 0}
    for row in rows:
        share = f"{row['bytes'] / dense[row['model']]:.3f}" if row["model"] in dense else ""
        sizes = [f"{row[key] / 1e6:.2f}" for key in ("bytes", "gzip_bytes")]
        table.add_row(row["model"], row["mask"], f"{row['sparsity']:g}", row["format"], row["stored"], *sizes, share)
    Console().print(table)


if __name__ == "__main__":
    app.run(main)
