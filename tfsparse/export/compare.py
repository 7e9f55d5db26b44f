"""Whether an exported file computes what the Keras model does."""

import contextlib
import dataclasses

import numpy as np
import tensorflow as tf

from tfsparse.export.result import ExportError


def probabilities(outputs, softmax):
    """Class probabilities, float64, of a model's outputs.

    >>> probabilities(np.zeros((1, 2)), softmax=True).tolist()
    [[0.5, 0.5]]
    """
    outputs = np.asarray(outputs, "float64")
    if not softmax:
        return outputs
    powers = np.exp(outputs - outputs.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def outputs_of(model, normalised):
    """Outputs of the Keras model, checked to be scores of two or more classes.

    Raises:
        ExportError: another shape, or NaN and infinity among them.
    """
    outputs = [model(normalised[i : i + 64], training=False) for i in range(0, len(normalised), 64)]
    if not all(tf.is_tensor(part) and part.shape.rank == 2 and part.shape[-1] >= 2 for part in outputs):
        raise ExportError(f"Model {model.name!r} must give one output [batch, classes] of at least 2 classes.")
    outputs = np.concatenate(outputs)
    if not np.isfinite(outputs).all():
        raise ExportError(f"Model {model.name!r} gives NaN or infinite outputs on the test images; not exported.")
    return outputs


def are_probabilities(outputs):
    """Whether a softmax has been applied already, wherever in the model: rows not negative that add up to 1.

    >>> are_probabilities(np.array([[0.25, 0.75]])), are_probabilities(np.array([[0.25, 2.0]]))
    (True, False)
    """
    return bool((outputs >= 0).all() and np.allclose(outputs.sum(-1), 1, atol=1e-3))


@dataclasses.dataclass(frozen=True)
class Tolerance:
    """How far an exported file's probabilities may be from the Keras model's.

    Args:
        largest: difference of any one.
        moved: from class to class, the mean over images.
    """

    largest: float
    moved: float


EXACT = Tolerance(1e-4, 1e-4)


def compare(exported, images, expected, tolerance):
    """How far the probabilities of a loaded export are from `expected`.

    Returns:
        (largest difference of a probability, probability that moved between classes: the mean over images).

    Raises:
        ExportError: more than `tolerance` allows, or the outputs are not numbers.
    """
    differences = np.abs(exported(images) - expected)
    largest, moved = float(differences.max()), float(differences.sum(-1).mean() / 2)
    if not (largest <= tolerance.largest and moved <= tolerance.moved):
        raise ExportError(
            f"The exported file's probabilities differ from the Keras model's by up to {largest:.2e}, in the mean of "
            f"{len(images)} images {moved:.2e} moved to other classes; at most {tolerance.largest:.0e} and "
            f"{tolerance.moved:.0e} are allowed. The file was not kept."
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
