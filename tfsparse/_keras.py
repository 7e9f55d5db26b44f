"""Chooses Keras 2 (`tf_keras`) before TensorFlow is imported: TF-MOT and KerasCV work with no other."""

import importlib
import os
import sys


def choose_keras_2():
    """Sets `TF_USE_LEGACY_KERAS=1`, which KerasCV and TF-MOT read when they are imported.

    Raises:
        ImportError: if one of them has already been imported, with Keras 3.
    """
    if os.environ.get("TF_USE_LEGACY_KERAS") not in ("1", "True", "true"):
        early = [name for name in ("keras_cv", "tensorflow_model_optimization") if name in sys.modules]
        if early:
            raise ImportError(
                f"{early[0]} was imported before tfsparse and uses Keras 3. Import tfsparse first, "
                "or set the environment variable TF_USE_LEGACY_KERAS=1."
            )
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
    _import_tfmot()


def _import_tfmot():
    """Imports TF-MOT without importing Keras 3 along with it.

    TF-MOT tries to import `keras.engine` and goes on without it. Keras 3 has no such module, but would be imported just to
    find that out, along with Matplotlib, SciPy and scikit-learn.
    """
    if "keras" in sys.modules:
        return
    sys.modules["keras"] = None  # importing it fails at once
    try:
        importlib.import_module("tensorflow_model_optimization")
    finally:
        del sys.modules["keras"]
