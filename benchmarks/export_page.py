"""Writes docs/export.md from the measurements in benchmarks/results.

python benchmarks/export_page.py
"""

import pathlib

import jinja2
from measured import ROOT
from performance import RESULTS, read

from tfsparse.files import written_aside

TEMPLATE = pathlib.Path(__file__).with_name("export_page.md.j2")
FORMATS = ("tflite", "tflite(dtype='float16')", "tflite(dtype='int8')", "onnx", "saved_model")


def sizes(measured):
    """Network and sparsity -> format -> row, and the bytes of each dense float32 file."""
    table, dense = {}, {}
    for row in measured["rows"]:
        table.setdefault((row["model"], row["sparsity"]), {})[row["format"]] = row
        if row["format"] == "tflite" and row["sparsity"] == 0:
            dense[row["model"]] = row["bytes"]
    return table, dense


def half_is_smaller(table):
    """Network -> the sparsity from which on its float16 file is smaller than its int8 file, those that have one."""
    first = {}
    for (model, sparsity), row in sorted(table.items()):
        if row["tflite(dtype='float16')"]["bytes"] < row["tflite(dtype='int8')"]["bytes"]:
            first.setdefault(model, sparsity)
        else:
            first.pop(model, None)
    return first


def main():
    names = ("export_size", "latency", "export_accuracy")
    found = {name: read(name) for name in names if (RESULTS / f"{name}.json").is_file()}
    table, dense = sizes(found["export_size"]) if "export_size" in found else ({}, {})
    template = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
        TEMPLATE.read_text(encoding="utf-8")
    )
    page = template.render(
        table=table,
        dense=dense,
        half=half_is_smaller(table),
        formats=FORMATS,
        **{n: found.get(n) for n in names},
    )
    with written_aside(ROOT / "docs/export.md") as scratch:
        scratch.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
