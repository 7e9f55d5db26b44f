"""Whether an exported file computes what the Keras model does."""

import contextlib
import dataclasses

import numpy as np
import tensorflow as tf

from tfsparse.export.outputs import CLASSES, NUMBERS
from tfsparse.export.result import ExportError


@dataclasses.dataclass(frozen=True)
class Tolerance:
    """How far an exported file's outputs may be from the Keras model's, in the units that `compare` uses.

    Args:
        largest: difference of any single output.
        moved: mean over images of the probability that moved between classes; for other outputs, of the sum of differences.
    """

    largest: float
    moved: float


EXACT = Tolerance(1e-4, 1e-4)
_VARIES = 0.02  # outputs that vary by more than this are not rounded to a constant, not even by eight bits
_LEAST = 0.01  # least scale of such differences: smaller numbers are made of larger ones and carry their rounding


def compare(exported, images, expected, tolerance, meaning=CLASSES, advice=""):
    """How far the outputs of a loaded export are from `expected`.

    Differences are between probabilities. For independent labels they are divided by the sum of a row of `expected`, if that
    is more than 1; for a model's own numbers, by the row's sum of magnitudes or its mean over the images, whichever is more.

    Args:
        exported: `Exported`.
        images: in the form that it takes.
        expected: the Keras model's outputs on them.
        tolerance: `Tolerance`.
        meaning: of the outputs: `CLASSES`, `LABELS` or `NUMBERS`.
        advice: text that ends the error message.

    Returns:
        (largest difference, mean over images of the sum of differences; for classes half of it: what one loses another gains).

    Raises:
        ExportError: they differ by more than `tolerance` allows, are NaN, or are all the same where the model's are not.
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
    """Turns off TensorFloat-32, in which GPUs round to ten bits: that error would hide the export's."""
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)
