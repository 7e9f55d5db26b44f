"""The table of formats, and reading a file of any of them."""

import pathlib

from tfsparse.export.card import read_card
from tfsparse.export.onnx import ONNX
from tfsparse.export.saved_model import SavedModel
from tfsparse.export.tflite import TOLERANCES, TFLite
from tfsparse.registry import parse, resolve

EXPORTERS = {"saved_model": SavedModel, "tflite": TFLite, "onnx": ONNX}


def make_exporter(format):
    """The exporter of a format with options, such as `"tflite(dtype='int8')"`.

    Raises:
        ValueError: unknown format or option, or a library that it needs is missing.
    """
    if isinstance(format, str) and format in TOLERANCES:
        raise ValueError(
            f"{format!r} is no export format, but what weights of a TFLite file may be: tflite(dtype={format!r})."
        )
    entry, options = resolve(EXPORTERS, format, "export format")
    return entry(**options)


def load_exported(path):
    """Loads what `export_model` wrote, of any format.

    Returns:
        `Exported`: a function of images [batch, height, width, channels] that gives probabilities [batch, classes].

    Raises:
        FileNotFoundError: nothing there.
        ValueError: not an export, or a damaged one.
    """
    path = pathlib.Path(path)
    if not path.exists():
        raise FileNotFoundError(
            f"There is no exported model at {path}. Make one with export_model or scripts/export.py."
        )
    suffix = "" if path.is_dir() else path.suffix
    found = {name: exporter for name, exporter in EXPORTERS.items() if exporter.suffix == suffix}
    if len(found) > 1:  # the card tells
        name = parse((read_card(path) or {}).get("format", "none"))[0]
        found = {name: found[name]} if name in found else found
    if found:
        return next(iter(found.values())).load(path)
    known = ", ".join(exporter.suffix or "a SavedModel folder" for exporter in EXPORTERS.values())
    raise ValueError(f"{path} is of no exported format. Known: {known}.")
