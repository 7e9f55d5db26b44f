"""The model card beside every exported file: what it is, how it was made, its checksums; in Markdown and JSON."""

import hashlib
import json
import math
import pathlib
import platform
import shlex
import sys

import jinja2
import numpy as np
import tensorflow as tf

from tfsparse.export import tflite
from tfsparse.files import remove, write_json, written_aside
from tfsparse.version import __version__


def card_of(result, format, serving, small, facts):
    """The contents of a card, as a dict for JSON.

    Args:
        result: `ExportResult`.
        format: as `export_model` takes it.
        serving: `Serving`.
        small: `Smaller`.
        facts: how the network was trained, from `as_json`.
    """
    model = small.model
    before, after = result.parameters
    return {
        "file": result.path.name,
        "format": format,
        "variant": result.variant,
        "bytes": result.bytes,
        "gzip_bytes": result.gzip_bytes,
        "sha256": checksums(result.path),
        "architecture": {
            "name": model.name,
            "layers": len(model.layers),
            "parameters_before": before,
            "parameters": after,
            "channels": result.channels,
            "flops": result.flops,
        },
        "input": {
            "shape": serving.input_shape,
            "dtype": str(np.dtype(serving.dtype)),
            "mean": serving.mean,
            "std": serving.std,
        },
        "outputs": {"meaning": serving.meaning, "added": None if serving.ending == "as_is" else serving.ending},
        "class_names": serving.class_names,
        "compared": {"images": result.images, "max_difference": result.max_difference, "moved": result.moved},
        "zeros": result.zeros,
        "training": facts,
        "versions": {
            "tfsparse": __version__,
            "tensorflow": tf.__version__,
            "python": platform.python_version(),
            "tflite_runtime": tflite.RUNTIME,
        },
        "command": shlex.join(["python", *sys.argv]),
        "kept": small.kept,
        "carriers": small.carriers,
    }


def checksums(path):
    """File name -> SHA-256, of a file or of all files in a folder."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    root = path.parent if path.is_file() else path
    return {str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def card_path(path):
    """Where the card of an exported file lies.

    >>> card_path("mine.tflite").name
    'mine.tflite.card.json'
    """
    path = pathlib.Path(path)
    return path.with_name(path.name + ".card.json")


def as_json(facts):
    """Facts for a card in types that JSON can hold: NumPy's numbers and arrays become Python's.

    >>> as_json({"accuracy": np.float64(0.5), "seeds": (1, 2)})
    {'accuracy': 0.5, 'seeds': [1, 2]}

    Raises:
        ValueError: not a dict, or something in it that JSON cannot hold; the message names it.
    """
    if not isinstance(facts, dict):
        raise ValueError(f"card must be a dict of facts, received {type(facts).__name__}.")
    return _plain(facts, "card")


def _plain(value, name):
    if isinstance(value, dict):
        return {str(key): _plain(part, f"{name}[{key!r}]") for key, part in value.items()}
    if isinstance(value, np.generic | np.ndarray):
        return _plain(value.tolist(), name)
    if isinstance(value, list | tuple):
        return [_plain(part, name) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} is {value}, which JSON cannot hold: leave it out, or write it as a text.")
    if value is None or isinstance(value, str | int | float):
        return value
    raise ValueError(
        f"{name} is a {type(value).__name__}, which JSON cannot hold: give a number, a text, a list or a dict."
    )


def remove_card(path):
    """Deletes the card of the file `path`, if there is one."""
    remove(card_path(path))
    remove(card_path(path).with_suffix(".md"))


def write_card(path, card):
    """Writes both forms of the card of the file `path`. If that fails, the file is deleted too: without a card
    it could not be told from somebody else's file, and would never be replaced."""
    try:
        write_json(card_path(path), card)
        with written_aside(card_path(path).with_suffix(".md")) as scratch:
            scratch.write_text(_TEMPLATE.render(card=card), encoding="utf-8")
    except BaseException:
        remove(path)
        remove_card(path)
        raise


def read_card(path):
    """The card of the exported file `path`, or None if there is none.

    Raises:
        ValueError: the card is damaged, or belongs to another file.
    """
    place = card_path(path)
    if not place.is_file():
        return None
    try:
        card = json.loads(place.read_text(encoding="utf-8"))
        expected = card["sha256"]
        if not isinstance(card.get("outputs", {}), dict) or not isinstance(card.get("class_names"), list | None):
            raise ValueError("outputs must be a dict, class_names a list or null")
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{place} is no model card ({error!r}). Delete it.") from error
    if expected != checksums(pathlib.Path(path)):
        raise ValueError(f"{path} is not the file that {place.name} describes. Delete both and export again.")
    return card


_TEMPLATE = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
    pathlib.Path(__file__).with_name("card.md.j2").read_text(encoding="utf-8")
)
