"""Keras 2 is what tfsparse runs on; Keras 3 is neither imported by it nor kept from others."""

import os
import subprocess
import sys

import pytest

from tfsparse._keras import choose_keras_2

ALONE = "import sys, tfsparse; assert not {'keras', 'matplotlib.pyplot', 'sklearn'} & sys.modules.keys(), 'imported'"
AFTER = "import keras, tensorflow as tf, tf_keras; assert keras.__version__ >= '3' and tf.keras.Model is tf_keras.Model"
BEFORE = "import keras, tfsparse; assert sys.modules['keras'] is keras"


@pytest.mark.parametrize("code", [f"{ALONE}; {AFTER}", f"import sys; {BEFORE}"])
def test_keras_3_is_left_alone(code):
    environment = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_what_has_chosen_keras_3_already_is_named(monkeypatch):
    assert "tensorflow_model_optimization" in sys.modules
    monkeypatch.delenv("TF_USE_LEGACY_KERAS")
    with pytest.raises(ImportError, match="was imported before tfsparse and uses Keras 3. Import tfsparse first"):
        choose_keras_2()
    assert "TF_USE_LEGACY_KERAS" not in os.environ, "nothing is set for those that come later"
