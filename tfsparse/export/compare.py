"""Whether an exported file computes what the Keras model does, on images of the test set."""

import contextlib

import numpy as np
import tensorflow as tf

from tfsparse.export.result import ExportError

TOLERANCE = 1e-4


def sample(data, input_shape, count):
    """Images to compare on: as the exported file takes them, and as the Keras model does.

    Args:
        data: with `.test`, batches of (normalised images, ...), and `.mean`, `.std` per channel; None: random images.
        input_shape: (height, width, channels).
        count: how many images, at most.

    Returns:
        (images, normalised): uint8 or float32 [n, *input_shape], and float32 of the same shape.

    Raises:
        ExportError: the test images are not what mean and std make of 8-bit images.
    """
    mean, std = getattr(data, "mean", None), getattr(data, "std", None)
    test = getattr(data, "test", None)
    random = np.random.default_rng(0)
    if test is None:
        if mean is None:
            images = random.normal(size=(count, *input_shape)).astype("float32")
            return images, images
        images = random.integers(0, 256, (count, *input_shape)).astype("uint8")
        return images, _normalised(images, mean, std)
    batches, taken = [], 0
    for images, *_ in test:
        batches.append(np.asarray(images, "float32"))
        taken += len(batches[-1])
        if taken >= count:
            break
    normalised = np.concatenate(batches)[:count]
    if mean is None:
        return normalised, normalised
    exact = normalised * np.asarray(std, "float32") + np.asarray(mean, "float32")
    images = np.rint(exact).clip(0, 255).astype("uint8")
    on_levels = np.abs(exact - images).max() < 1e-2
    if exact.min() < -0.5 or exact.max() > 255.5 or (exact.max() < 2 and not on_levels):
        raise ExportError(
            f"data.mean {mean} and data.std {std} do not bring the test images back to 0 ... 255 "
            f"(found {exact.min():.1f} ... {exact.max():.1f}). They must be in the units of uint8 images."
        )
    # Resized images fall between the levels of 8 bits; the file takes 8-bit images, so compare on these.
    return images, normalised if on_levels else _normalised(images, mean, std)


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


def compare(exported, images, expected):
    """Largest difference between the probabilities of a loaded export and `expected`.

    Raises:
        ExportError: it is above 1e-4, or not a number.
    """
    difference = float(np.abs(exported(images) - expected).max())
    if not difference <= TOLERANCE:
        raise ExportError(
            f"The exported file's probabilities differ from the Keras model's by {difference:.2e}, more than "
            f"{TOLERANCE:.0e}, on {len(images)} images; the file was not kept."
        )
    return difference


@contextlib.contextmanager
def full_float32():
    """Turns off TensorFloat-32, with which GPUs round to ten bits: its error would hide the export's."""
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)


def _normalised(images, mean, std):
    return (images.astype("float32") - np.asarray(mean, "float32")) / np.asarray(std, "float32")
