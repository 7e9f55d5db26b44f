"""Chooses Keras 2 (`tf_keras`) before TensorFlow is imported: TF-MOT and KerasCV work with no other."""

import os
import sys

_OTHER = "tensorflow imported Keras 3 before tfsparse could choose Keras 2"


def choose_keras_2():
    """Sets `TF_USE_LEGACY_KERAS=1`, which KerasCV and TF-MOT read when they are imported.

    Raises:
        ImportError: if one of them was imported before, with Keras 3.
    """
    if os.environ.get("TF_USE_LEGACY_KERAS") not in ("1", "True", "true"):
        early = [name for name in ("keras_cv", "tensorflow_model_optimization") if name in sys.modules]
        if early:
            raise ImportError(
                f"{early[0]} was imported before tfsparse and uses Keras 3. Import tfsparse first, "
                "or set the environment variable TF_USE_LEGACY_KERAS=1."
            )
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
