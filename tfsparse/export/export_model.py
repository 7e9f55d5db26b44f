"""`export_model`: a trained model as a file that runs elsewhere."""

import logging
import pathlib

import numpy as np
import tensorflow as tf

from tfsparse.export.card import as_json, card_of, remove_card, write_card
from tfsparse.export.compare import compare, full_float32
from tfsparse.export.formats import make_exporter
from tfsparse.export.outputs import OUTPUTS, ended, ending, meaning, outputs_of
from tfsparse.export.result import ExportError, ExportResult, sizes
from tfsparse.export.samples import DTYPES, calibration, input_shape_of, sample, units
from tfsparse.export.serving import Serving, plain_float32, warn_of_unlike_units
from tfsparse.export.smaller import smaller
from tfsparse.export.target import target
from tfsparse.export.zeros import check_zeros, masked_kernels
from tfsparse.files import written_aside
from tfsparse.mask.prunable import check_model
from tfsparse.registry import lookup

log = logging.getLogger(__name__)

_CALIBRATION = 256  # images


def export_model(
    model, format, path, *, mask=None, data=None, outputs="auto", images=64, image_dtype=None, compact=True, card=None
):
    """Writes a trained model as a file that runs without Keras, loads it back and compares the two.

    Args:
        model: plain tf_keras model that takes normalised float images and gives [batch, classes]; a single label or number
            is [batch, 1].
        format: a name in `EXPORTERS`, with options or without: `"saved_model"`, `"tflite"`, `"tflite(dtype='int8')"`.
        path: file or folder to write; a missing suffix (`.tflite`) is added. An earlier export there, with the card that
            describes it, is replaced; nothing else is.
        mask: mapping from weight path to boolean array; what it prunes must be zero in the model and in the file. None: all
            zeros of the model's kernels are checked.
        data: `Data`, or an object with `.mean` and `.std` (per channel, in the units of the images), `.image_dtype`,
            `.input_shape`, `.test`, `.train`, `.class_names`, each of which may be None. Without test images, random ones are
            used for the comparison; int8 needs training images.
        outputs: what the model gives. `"softmax"`: logits of mutually exclusive classes; a softmax is added. `"sigmoid"`:
            logits of independent labels; a sigmoid is added. `"as_is"`: what the file shall give, unchanged. `"auto"`:
            unchanged if the model ends in sigmoid or its rows are probabilities; else taken for logits of exclusive classes
            (a regression must say `"as_is"`), and a single number is refused. The model card says what was done.
        images: how many images to compare on.
        image_dtype: of the images that the file takes: `"uint8"`, numbers from 0 to 255, or `"float32"`, in the data's own
            units (without mean and std: as the model takes them). None: the data's, else `"float32"`. Float images that were
            8-bit ones before they were resized (`image_dataset_from_directory`) are served as `"uint8"` if you ask for it.
        compact: take out channels that the zeros have killed; what they still add is folded into the next layer. Models whose
            graph cannot be followed (subclassed ones) are exported as they are.
        card: facts for the model card, such as how the network was trained: a dict that JSON can hold.

    Returns:
        `ExportResult`.

    Raises:
        ValueError: unknown format, option, word for outputs or image_dtype, a mask that does not fit the model, no training
            images for int8, images that cannot be 8-bit ones, a card that JSON cannot hold, `path` taken by
            something else.
        ExportError: the file's outputs are not the model's, a zero is lost, or the format cannot hold the network;
            nothing is left at `path`.
        OSError: `path` cannot be written.
    """
    exporter = make_exporter(format)
    lookup(OUTPUTS, outputs, "word for outputs")
    image_dtype = image_dtype or getattr(data, "image_dtype", None) or "float32"
    lookup(DTYPES, image_dtype, "image_dtype")
    card = as_json({} if card is None else card)
    path = target(pathlib.Path(path), exporter.suffix)
    check_model(model)
    model = plain_float32(model)
    masked_kernels(model, mask)  # refuses a mask that does not hold
    with full_float32():
        serving, small, images, expected = _prepared(model, exporter, data, image_dtype, outputs, images, compact)
        try:
            result = _written(exporter, serving, path, small, images, expected)
            write_card(path, card_of(result, format, serving, small, card))
        except (OSError, tf.errors.OpError) as error:
            reason = getattr(error, "strerror", None) or getattr(error, "message", None) or error
            raise OSError(f"Cannot write {path} ({reason}). Choose another path, or make space.") from error
    return result


def _prepared(model, exporter, data, dtype, wanted, count, compact):
    """What is stored (`Serving`), how it was made smaller (`Smaller`), test images and the outputs expected for them."""
    shape = input_shape_of(model, data)
    images, normalised = sample(data, shape, count, dtype)
    outputs = outputs_of(model, normalised)
    end = ending(model, outputs, wanted, apart=getattr(data, "labels_apart", False))
    expected = ended(outputs, end)
    extras = dict(zip(("mean", "std"), map(_tuple, units(data)), strict=True))
    extras["class_names"] = _class_names(data, outputs.shape[-1])
    extras["calibration"] = calibration(data, shape, _CALIBRATION, dtype) if exporter.calibrates else None
    small = smaller(model, shape, compact)
    serving = Serving(small.model, shape, images.dtype, ending=end, meaning=meaning(model, expected, end), **extras)
    if exporter.calibrates:
        warn_of_unlike_units(serving)
    return serving, small, images, expected


def _written(exporter, serving, path, small, images, expected):
    """Writes each variant, loads it back and compares it; the smallest correct one is kept at `path`."""
    advice = " Dead channels were taken out of it first: compact=False leaves them in." if small.changed else ""
    kernels, variants, found = masked_kernels(small.model, None), exporter.variants(serving), {}
    with written_aside(path) as scratch:
        for name, write in variants.items():
            try:
                write(scratch)
                loaded = _read_back(exporter, scratch, advice)
                differences = compare(loaded, images, expected, exporter.tolerance, serving.meaning, advice)
                zeros = check_zeros(kernels, loaded.constants())
            except (RuntimeError, ValueError) as error:  # what converters and interpreters refuse with
                if not found:  # the plainest variant comes first: what it cannot hold, no other can
                    raise error if isinstance(error, ExportError) else ExportError(str(error)) from error
                log.warning("%s is not stored %s, which would be wrong: %s", path.name, name, error)
                continue
            counts = (small.parameters, small.channels, small.flops)
            found[name] = ExportResult(path, *sizes(scratch), len(images), *differences, zeros, name, *counts)
        best = min(found.values(), key=lambda result: result.bytes)
        if best.variant != name:  # the last one written is what lies there
            variants[best.variant](scratch)
        remove_card(path)  # before the file that it describes goes
    return best


def _read_back(exporter, scratch, advice):
    try:
        return exporter.load(scratch)
    except ValueError as error:
        if exporter.calibrates:
            advice = (
                " A layer that gives 0 for all calibration images has no range that eight bits could divide: export "
                f"tflite(dtype='float16'), which needs none.{advice}"
            )
        raise ExportError(f"What was written cannot be read back ({error.__cause__ or error}).{advice}") from error


def _class_names(data, count):
    names = getattr(data, "class_names", None)
    if names is None:
        return None
    names = tuple(str(name) for name in names)
    if count == 1 and len(names) == 2:  # of two classes: the one output is the probability of the second
        names = names[1:]
    if len(names) > count:
        raise ValueError(f"The data have {len(names)} class_names, the model gives {count} outputs, which are too few.")
    return names + tuple(f"class {number}" for number in range(len(names), count))


def _tuple(values):
    return None if values is None else tuple(np.ravel(values).tolist())
