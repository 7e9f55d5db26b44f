"""Files to run a trained network elsewhere: `export_model(model, "tflite", "saved_models/mine")`.

- `saved_model`: TensorFlow Serving and everything else that runs TensorFlow. Size does not depend on sparsity.
- `tflite`: phones and boards; small where the network is sparse (10 % of the size at 95 %).

Both take images as they come, uint8 most often, normalise them and give class probabilities. No file counts as exported
before it was loaded back, gave the Keras model's probabilities on test images, and was found to hold exactly the mask's
zeros.

A new format is a class with `suffix`, `write(serving, path)` and a static `load(path) -> Exported`, in a file here, and
a line in `EXPORTERS`; its options are the keyword-only arguments of its constructor.
"""

import pathlib

import numpy as np

from tfsparse.export.compare import are_probabilities, compare, full_float32, outputs_of, probabilities
from tfsparse.export.exported import Exported
from tfsparse.export.result import ExportError, ExportResult, sizes
from tfsparse.export.samples import sample
from tfsparse.export.saved_model import SavedModel
from tfsparse.export.serving import Serving, plain_float32
from tfsparse.export.tflite import TFLite
from tfsparse.export.zeros import check_zeros, masked_kernels
from tfsparse.files import written_aside
from tfsparse.mask.prunable import check_model
from tfsparse.registry import resolve

__all__ = ["EXPORTERS", "ExportError", "ExportResult", "Exported", "export_model", "load_exported"]

EXPORTERS = {"saved_model": SavedModel, "tflite": TFLite}


def export_model(model, format, path, *, mask=None, data=None, images=64):
    """Writes a trained model as a file that runs without Keras, loads it back and compares the two.

    Args:
        model: plain tf_keras model of normalised float images, giving logits or probabilities [batch, classes].
        format: a name in `EXPORTERS`, with options or without: `"saved_model"`, `"tflite"`, `"tflite(sparse=False)"`.
        path: file or folder to write; a missing suffix (`.tflite`) is added. An earlier export there is replaced.
        mask: mapping from weight path to boolean array; checked to be zero in the model and in the file. None: all
            zeros of the model's kernels are checked.
        data: with `.mean` and `.std` (per channel, in the units of the images), `.input_shape`, `.test`,
            `.class_names`, each of which may be None. The file takes uint8 images, or float32 images in the data's own
            units if these do not come from 8-bit ones (without mean and std: as the model takes them). Without test
            images random ones serve for the comparison.
        images: how many images to compare on.

    Returns:
        `ExportResult`.

    Raises:
        ValueError: unknown format or option, a mask that does not fit the model, `path` taken by something else.
        ExportError: the file's probabilities differ by more than 1e-4, or a zero is lost; nothing is left at `path`.
    """
    entry, options = resolve(EXPORTERS, format, "export format")
    exporter = entry(**options)
    path = _target(pathlib.Path(path), exporter)
    check_model(model)
    model = plain_float32(model)
    kernels = masked_kernels(model, mask)
    with full_float32():
        return _export(model, exporter, path, kernels, data, images)


def _export(model, exporter, path, kernels, data, count):
    """Writes, loads back, compares; only then the file takes its name."""
    shape = _input_shape(model, data)
    images, normalised = sample(data, shape, count)
    outputs = outputs_of(model, normalised)
    softmax = not are_probabilities(outputs)
    extras = {name: _tuple(getattr(data, name, None)) for name in ("mean", "std", "class_names")}
    with written_aside(path) as scratch:
        exporter.write(Serving(model, shape, images.dtype, softmax=softmax, **extras), scratch)
        loaded = exporter.load(scratch)
        difference = compare(loaded, images, probabilities(outputs, softmax))
        zeros = check_zeros(kernels, loaded.constants())
        size, packed = sizes(scratch)
    return ExportResult(path, size, packed, len(images), difference, zeros)


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
    for exporter in EXPORTERS.values():
        if exporter.suffix == suffix:
            return exporter.load(path)
    known = ", ".join(exporter.suffix or "a SavedModel folder" for exporter in EXPORTERS.values())
    raise ValueError(f"{path} is of no exported format. Known: {known}.")


def _target(path, exporter):
    """Where to write; refuses to replace anything but an earlier export."""
    if exporter.suffix and path.suffix != exporter.suffix:
        path = path.with_name(path.name + exporter.suffix)
    foreign = path.is_dir() and any(path.iterdir()) and not (path / "saved_model.pb").exists()
    if foreign or (path.exists() and path.is_dir() != (exporter.suffix == "")):
        raise ValueError(f"{path} is there already and is no earlier export of this format. Choose another path.")
    return path


def _input_shape(model, data):
    own = getattr(model, "input_shape", None)
    shape = tuple(getattr(data, "input_shape", None) or (own[1:] if isinstance(own, tuple) else ()))
    if not shape or None in shape:
        raise ValueError(f"Model {model.name!r} takes inputs of shape {own}; pass data with the input_shape of images.")
    if isinstance(own, tuple) and (
        len(own) != len(shape) + 1 or any(a not in (None, b) for a, b in zip(own[1:], shape, strict=True))
    ):
        raise ValueError(f"Model {model.name!r} takes images of shape {own[1:]}, the data's are {shape}.")
    return shape


def _tuple(values):
    return None if values is None else tuple(np.ravel(values).tolist())
