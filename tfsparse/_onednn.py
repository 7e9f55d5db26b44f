"""Has oneDNN compute on every x86 processor, where TensorFlow's own choice would be those with AVX-512."""

import os
import platform


def choose_onednn():
    """Sets `TF_ENABLE_ONEDNN_OPTS=1`, unless it is set: a training step with AVX2 alone is then much faster, as
    docs/performance.md shows. Read when TensorFlow is imported; without effect after that.
    """
    if platform.machine().lower() in ("x86_64", "amd64"):
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
