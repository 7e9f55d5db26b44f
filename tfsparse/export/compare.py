"""Whether an exported file computes what the Keras model does."""

import contextlib

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


def compare(exported, images, expected, tolerance):
    """How far the probabilities of a loaded export are from `expected`.

    Returns:
        (largest difference of a probability, probability that moved between classes: the mean over images).

    Raises:
        ExportError: more than `tolerance` moved, or the outputs are not numbers.
    """
    differences = np.abs(exported(images) - expected)
    moved = float(differences.sum(-1).mean() / 2)
    if not (moved <= tolerance and (tolerance > 1e-4 or differences.max() <= tolerance)):
        raise ExportError(
            f"The exported file's probabilities differ from the Keras model's by up to {differences.max():.2e}, in the mean "
            f"{moved:.2e} of an image's moved to other classes, more than {tolerance:.0e} allows, on {len(images)} images; "
            "the file was not kept."
        )
    return float(differences.max()), moved


@contextlib.contextmanager
def full_float32():
    """Turns off TensorFloat-32, with which GPUs round to ten bits: its error would hide the export's."""
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)
