"""Whether an exported file computes what the Keras model does."""

import contextlib
import dataclasses

import numpy as np
import tensorflow as tf

from tfsparse.export.outputs import CLASSES, NUMBERS
from tfsparse.export.result import ExportError


@dataclasses.dataclass(frozen=True)
class Tolerance:
    """How far an exported file's outputs may be from the Keras model's, in the parts that `compare` takes.

    Args:
        largest: difference of any one.
        moved: the mean over images of what moved from class to class; of other outputs, of their differences' sum.
    """

    largest: float
    moved: float


EXACT = Tolerance(1e-4, 1e-4)
_VARIES = 0.02  # outputs that vary by more than this are not rounded to a constant, by eight bits neither
_LEAST = 0.01  # of what numbers are compared with: smaller ones are made of larger ones, whose rounding they carry


def compare(exported, images, expected, tolerance, meaning=CLASSES, advice=""):
    """How far the outputs of a loaded export are from `expected`.

    Differences are of probabilities. Of labels each on its own they are in parts of what a row of `expected` adds up to, if
    that is more than 1. Of a model's own numbers, in parts of that or of its mean over the images, whichever is more.

    Args:
        exported: `Exported`.
        images: as it takes them.
        expected: the Keras model's outputs on them.
        tolerance: `Tolerance`.
        meaning: of the outputs: `CLASSES`, `LABELS` or `NUMBERS`.
        advice: ends the message.

    Returns:
        (largest difference, mean over images of the differences' sum; of classes half of it: what one loses another gains).

    Raises:
        ExportError: more than `tolerance` allows, the outputs are not numbers, or all the same where the model's are not.
    """
    rows = np.abs(expected).sum(-1, keepdims=True)
    least = max(float(rows.mean()), _LEAST) if meaning == NUMBERS else 1
    found = exported(images)
    differences = np.abs(found - expected) / np.maximum(least, rows)
    largest, moved = float(differences.max()), float(differences.sum(-1).mean())
    moved = moved / 2 if meaning == CLASSES else moved
    if not (largest <= tolerance.largest and moved <= tolerance.moved):
        raise ExportError(
            f"The exported file's outputs ({meaning}) differ from the Keras model's by up to {largest:.2e}, in the mean of "
            f"{len(images)} images {moved:.2e}{' moved to other classes' if meaning == CLASSES else ''}; at most "
            f"{tolerance.largest:.0e} and {tolerance.moved:.0e} are allowed. The file was not kept.{advice}"
        )
    if not np.ptp(found, axis=0).any() and (np.ptp(expected, axis=0) / least).max() > _VARIES:
        raise ExportError(
            f"The exported file's outputs ({meaning}) are the same for all {len(images)} images, the Keras model's are not. "
            f"The file was not kept.{advice}"
        )
    return largest, moved


@contextlib.contextmanager
def full_float32():
    """Turns off TensorFloat-32, with which GPUs round to ten bits: its error would hide the export's."""
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)
