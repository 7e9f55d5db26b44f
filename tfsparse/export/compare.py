"""Whether an exported file computes what the Keras model does."""

import contextlib
import dataclasses

import numpy as np
import tensorflow as tf

from tfsparse.export.result import ExportError


@dataclasses.dataclass(frozen=True)
class Tolerance:
    """How far an exported file's probabilities may be from the Keras model's; other outputs, in parts of a row's sum.

    Args:
        largest: difference of any one.
        moved: from class to class, the mean over images.
    """

    largest: float
    moved: float


EXACT = Tolerance(1e-4, 1e-4)


def compare(exported, images, expected, tolerance, advice=""):
    """How far the outputs of a loaded export are from `expected`.

    Differences are in parts of what a row of `expected` adds up to, if that is more than 1, as it is for labels each on its
    own and for numbers that are no probabilities.

    Args:
        exported: `Exported`.
        images: as it takes them.
        expected: the Keras model's outputs on them.
        tolerance: `Tolerance`.
        advice: ends the message.

    Returns:
        (largest difference of a probability, probability that moved between classes: the mean over images).

    Raises:
        ExportError: more than `tolerance` allows, or the outputs are not numbers.
    """
    differences = np.abs(exported(images) - expected) / np.maximum(1, np.abs(expected).sum(-1, keepdims=True))
    largest, moved = float(differences.max()), float(differences.sum(-1).mean() / 2)
    if not (largest <= tolerance.largest and moved <= tolerance.moved):
        raise ExportError(
            f"The exported file's outputs differ from the Keras model's by up to {largest:.2e}, in the mean of "
            f"{len(images)} images {moved:.2e} moved to other classes; at most {tolerance.largest:.0e} and "
            f"{tolerance.moved:.0e} are allowed. The file was not kept.{advice}"
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
