"""Sparse tensors of TFLite files, unpacked, against the weights that went in."""

import numpy as np
import pytest
import tf_keras as keras

from tfsparse.export.serving import Serving
from tfsparse.export.tflite import TFLite
from tfsparse.export.tflite_constants import constants


@pytest.mark.parametrize("block", [1, 4])
def test_unpacks_random_and_block_sparse_kernels(block, tmp_path):
    # Whole blocks of 4 inputs of one unit make the converter store blocks, whose tree has two more levels.
    random = np.random.default_rng(0)
    live = np.repeat(random.random((32 // block, 16)) < 0.2, block, axis=0)
    kernel = (random.normal(size=(32, 16)) * live).astype("float32")
    layers = keras.layers
    model = keras.Sequential([layers.Input((2, 4, 4)), layers.Flatten(), layers.Dense(16, use_bias=False)])
    model.layers[-1].kernel.assign(kernel)
    serving = Serving(model, (2, 4, 4), np.dtype("float32"), None, None, softmax=True)
    TFLite().variants(serving)["sparse"](tmp_path / "model.tflite")
    content = (tmp_path / "model.tflite").read_bytes()
    found = [array for array in constants(content) if array.shape == (16, 32)]
    np.testing.assert_array_equal(found[0], kernel.T)
