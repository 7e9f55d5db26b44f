"""TensorFlow's SavedModel: for TensorFlow Serving, and for whatever loads it with `tf.saved_model.load`."""

import pathlib

import numpy as np
import tensorflow as tf

from tfsparse.export.compare import EXACT
from tfsparse.export.exported import Exported
from tfsparse.export.quiet import quiet
from tfsparse.files import check_named

_BATCH = 256


class SavedModel:
    """A SavedModel folder of plain TensorFlow: no Keras, no optimizer, nothing of this library is needed to load it.

    Signature `serving_default`: `images` [batch, height, width, channels] to `probabilities` [batch, classes]; signature
    `class_names`, if the data name their classes: nothing in, a string vector out. The weights are in `.weights`, a dict by
    path. Zeros are stored in full.

    ```python
    serve = tf.saved_model.load("saved_models/mine").signatures["serving_default"]
    probabilities = serve(images=tf.constant(images))["probabilities"]
    ```
    """

    suffix, name, tolerance, calibrates = "", "saved_model", EXACT, False

    def variants(self, serving):
        """The one way to store it: name -> function that writes the folder at a path."""
        return {"dense": lambda path: self._write(serving, path)}

    def _write(self, serving, path):
        check_named(path, "The SavedModel")
        signatures = {"serving_default": serving.function()}
        if serving.class_names:
            signatures["class_names"] = _constant_function(serving.class_names)
        module = serving.module(**signatures)
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        with quiet():
            tf.saved_model.save(module, str(path), signatures=signatures, options=options)

    @staticmethod
    def load(path):
        """Reads a folder that `export_model` wrote.

        Raises:
            ValueError: no SavedModel, a damaged one, or one with other signatures.
        """
        path = pathlib.Path(path)
        if not (path / "saved_model.pb").is_file():
            raise ValueError(f"{path} holds no saved_model.pb: it is not a SavedModel folder.")
        try:
            with quiet():
                loaded = tf.saved_model.load(str(path))
        except Exception as error:  # TensorFlow raises whatever the damage happens to trip over
            raise ValueError(
                f"SavedModel {path} cannot be read, it seems damaged ({error}). Delete it and export again."
            ) from error
        serve = loaded.signatures.get("serving_default") if hasattr(loaded, "signatures") else None
        inputs = serve.structured_input_signature[1] if serve is not None else {}
        if (
            list(inputs) != ["images"]
            or "probabilities" not in serve.structured_outputs
            or not hasattr(loaded, "weights")
        ):
            raise ValueError(
                f"SavedModel {path} was not exported by tfsparse: its serving_default takes {sorted(inputs)}, "
                "expected 'images' to 'probabilities'."
            )

        def run(images):
            parts = [images[i : i + _BATCH] for i in range(0, len(images), _BATCH)]
            # `loaded` must live as long as this function: it owns the variables.
            return np.concatenate(
                [loaded.signatures["serving_default"](images=tf.constant(p))["probabilities"] for p in parts]
            )

        def constants():
            return [v.numpy() for v in loaded.weights.values() if v.dtype == tf.float32 and len(v.shape) > 1]

        spec = inputs["images"]
        names = loaded.signatures["class_names"]()["class_names"] if "class_names" in loaded.signatures else None
        names = None if names is None else tuple(name.decode() for name in names.numpy())
        return Exported(run, tuple(spec.shape[1:]), np.dtype(spec.dtype.as_numpy_dtype), constants, names)


def _constant_function(names):
    @tf.function(input_signature=[])
    def class_names():
        return {"class_names": tf.constant(list(names))}

    return class_names
