"""What is exported: the Keras model, with normalisation before it and a function behind it that gives probabilities."""

import dataclasses
import logging

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsparse import paths
from tfsparse.export.outputs import ENDINGS
from tfsparse.export.result import ExportError
from tfsparse.float32 import float32_twin, in_other_floats
from tfsparse.mask import of_training

log = logging.getLogger(__name__)

_REACH = 16  # times the smallest std: there, four of eight bits are left for that channel


@dataclasses.dataclass(frozen=True)
class Serving:
    """The function that every format stores: images to class probabilities.

    Args:
        model: plain float32 Keras model of normalised images.
        input_shape: of one image, (height, width, channels).
        dtype: of the images: uint8 or float32.
        mean: per channel, in the units of the images; None: images come as the model takes them.
        std: likewise.
        ending: what follows the model, a name in `ENDINGS`: a softmax or sigmoid behind logits.
        meaning: of the numbers that the file gives, for its card.
        class_names: optional names in the order of the outputs.
        calibration: float32 images [n, *input_shape] as the file takes them, for formats that calibrate; or None.
    """

    model: keras.Model
    input_shape: tuple
    dtype: np.dtype
    mean: tuple | None
    std: tuple | None
    ending: str
    meaning: str
    class_names: tuple | None = None
    calibration: np.ndarray | None = None

    def function(self, batch=None, dtype=None):
        """A new tf.function from images [batch, *input_shape] to `{"probabilities": [batch, classes]}`.

        Args:
            batch: None: any.
            dtype: of the images; None: `self.dtype`.
        """
        spec = tf.TensorSpec([batch, *self.input_shape], dtype or self.dtype, name="images")

        @tf.function(input_signature=[spec])
        def serve(images):
            outputs = self.model(self.normalise(images), training=False)
            return {"probabilities": ENDINGS[self.ending](outputs)}

        return serve

    def normalise(self, images):
        """Turns images as the data set gives them, [batch, *input_shape] of `dtype`, into the float32 that the model takes."""
        images = tf.cast(images, tf.float32)
        if self.mean is None:
            return images
        return (images - tf.constant(self.mean, tf.float32)) / tf.constant(self.std, tf.float32)

    def module(self, **functions):
        """A plain tf.Module that owns the weights, keyed by their paths, and the given functions; for saving."""
        module = tf.Module()
        module.weights = paths.weights(self.model)
        known = {id(variable) for variable in module.weights.values()}
        module.other_weights = [v for v in self.model.variables if id(v) not in known]
        for name, function in functions.items():
            setattr(module, name, function)
        return module


def warn_of_unlike_units(serving):
    """Warns of float inputs that eight bits cannot hold: one scale serves all channels, which are normalised only after it."""
    if serving.std is None or serving.dtype == np.uint8:
        return
    reach = max(abs(mean) + std for mean, std in zip(serving.mean, serving.std, strict=True))
    if reach > _REACH * min(serving.std):
        log.warning(
            "Inputs reach %.0f times the smallest std of the data, and an int8 file has one scale for all of them: the smaller "
            "ones lose their digits. Look at the file's accuracy, normalise before `Data`, or export float16.",
            reach / min(serving.std),
        )


def plain_float32(model):
    """`model`, or its float32 twin if it computes in another precision; refuses what must not be exported.

    Raises:
        ValueError: TF-MOT wrappers or training-time layers of this library are still on.
        ExportError: a mixed-precision model that cannot be built again from its configuration.
    """
    layer = of_training(model)
    if layer is not None:
        raise ValueError(
            f"Layer {layer.name!r} ({type(layer).__name__}) belongs to training. Export the plain model: "
            "ts.strip(model), or tfmot.sparsity.keras.strip_pruning(model)."
        )
    if not in_other_floats(model):
        return model
    try:
        twin = float32_twin(model)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ExportError(
            f"Model {model.name!r} computes in mixed precision and cannot be built again from its configuration "
            f"({error}). Build it in float32, copy the weights, and export that."
        ) from error
    for layer in in_other_floats(twin):
        raise ExportError(
            f"Layer {layer.name!r} ({type(layer).__name__}) computes in {layer.compute_dtype} whatever its configuration says. "
            "Build the model in float32, copy the weights, and export that."
        )
    return twin
