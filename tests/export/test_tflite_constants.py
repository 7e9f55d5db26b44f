"""Sparse tensors of TFLite files, unpacked, against the weights that went in."""

import types

import numpy as np
import pytest
import tf_keras as keras
from tensorflow.lite.python import schema_py_generated as schema

from tfsparse.export import assert_sparsity, export_model
from tfsparse.export.outputs import CLASSES
from tfsparse.export.serving import Serving
from tfsparse.export.tflite import TFLite
from tfsparse.export.tflite_constants import constants, dense


@pytest.mark.parametrize("block", [1, 4])
def test_unpacks_random_and_block_sparse_kernels(block, tmp_path):
    # Whole blocks of 4 inputs of one unit make the converter store blocks, whose tree has two more levels.
    random = np.random.default_rng(0)
    live = np.repeat(random.random((32 // block, 16)) < 0.2, block, axis=0)
    kernel = (random.normal(size=(32, 16)) * live).astype("float32")
    layers = keras.layers
    model = keras.Sequential([layers.Input((2, 4, 4)), layers.Flatten(), layers.Dense(16, use_bias=False)])
    model.layers[-1].kernel.assign(kernel)
    serving = Serving(model, (2, 4, 4), np.dtype("float32"), None, None, "softmax", CLASSES)
    TFLite().variants(serving)["sparse"](tmp_path / "model.tflite")
    content = (tmp_path / "model.tflite").read_bytes()
    found = [array for array in constants(content) if array.shape == (16, 32)]
    np.testing.assert_array_equal(found[0], kernel.T)


@pytest.mark.parametrize("dtype", ["float16", "int8"])
@pytest.mark.parametrize("block", [1, 4])
def test_dense_layers_are_stored_dense_where_the_runtime_cannot_take_them_sparse(dtype, block, tmp_path):
    random = np.random.default_rng(0)
    layers = keras.layers
    model = keras.Sequential([layers.Input((8, 8, 3)), layers.Conv2D(64, 3), layers.Conv2D(64, 3), layers.Flatten()])
    model.add(layers.Dense(16, name="dense"))
    for layer in model.layers:
        if layer.weights:
            rows = layer.kernel.shape[-2]
            live = np.repeat(random.random((*layer.kernel.shape[:-2], rows // block or 1, layer.kernel.shape[-1])) < 0.1,
                             block if rows >= 4 else rows, axis=-2)  # fmt: skip
            layer.kernel.assign(layer.kernel * live[..., :rows, :])
    pixels = random.integers(0, 256, (32, 8, 8, 3)).astype("float32")
    data = types.SimpleNamespace(train=[((pixels - 100) / 50, None)], mean=(100.0,) * 3, std=(50.0,) * 3)
    found = export_model(model, f"tflite(dtype='{dtype}')", tmp_path / "mine", data=data)
    assert found.variant == "sparse" and found.moved < 0.05
    assert assert_sparsity(found.path, {"dense/kernel": model.layers[-1].kernel.numpy() != 0}) > 10_000


@pytest.mark.parametrize(("dtype", "inputs"), [("int8", 12), ("int8", 31), ("float32", 3)])
def test_blocks_that_do_not_fit_are_refused_and_the_dense_file_is_kept(dtype, inputs, tmp_path, caplog):
    # The converter's blocks of 16 (int8) or 4 (float32) lose most of these weights, with or without running over.
    random = np.random.default_rng(0)
    live = random.random((inputs, 10)) >= 0.45
    model = keras.Sequential([keras.layers.Dense(10, input_shape=(inputs,), name="dense")])
    model.layers[0].kernel.assign(random.normal(size=live.shape) * live)
    images = random.random((20, inputs)).astype("float32")
    serving = Serving(model, (inputs,), np.dtype("float32"), None, None, "softmax", CLASSES, calibration=images)
    with pytest.raises(ValueError, match="do not divide it"):
        TFLite(dtype=dtype).variants(serving)["sparse"](tmp_path / "model.tflite")
        constants((tmp_path / "model.tflite").read_bytes())
    data = types.SimpleNamespace(train=[(images, None)], test=[(images, np.zeros(20))])
    found = export_model(model, f"tflite(dtype='{dtype}')", tmp_path / "mine", data=data, mask={"dense/kernel": live})
    assert found.variant == "dense" and "mine.tflite is not stored sparse" in caplog.text
    (stored,) = [array for array in constants(found.path.read_bytes()) if array.shape == live.T.shape]
    rows = [
        array / (np.abs(array).max(1, keepdims=True) + 1e-9) for array in (stored, model.layers[0].kernel.numpy().T)
    ]
    np.testing.assert_allclose(*rows, atol=0.02)


LEVEL = {"arraySegments": None, "arrayIndices": None}


def level(size=None, segments=None, indices=None):
    if size is not None:
        return schema.DimensionMetadataT(**LEVEL, format=schema.DimensionType.DENSE, denseSize=size)
    vectors = [schema.Int32VectorT(np.array(numbers)) for numbers in (segments, indices)]
    return schema.DimensionMetadataT(
        format=schema.DimensionType.SPARSE_CSR, arraySegments=vectors[0], arrayIndices=vectors[1]
    )


@pytest.mark.parametrize(
    ("shape", "levels", "said"),
    [
        ((2**20, 2**20), [level(2**20), level(2**20)], "4096.0 GiB"),
        ((4, 3), [level(2**40), level(3)], "not of this shape"),
        ((4, 3), [level(4), level(2**31 - 1)], "not of this shape"),
        ((4, 3), [level(-4), level(3)], "not of this shape"),
        ((2, 3), [level(2), level(segments=[0, 2**40, 1], indices=[0])], "not of this shape"),
        ((2, 3), [level(2), level(segments=[0, 1], indices=[0])], "not of this shape"),
        ((2, 3), [level(2), level(segments=[0, 0, 1], indices=[3])], "not of this shape"),
        ((2, 3), [level(2), level(segments=[0, 0, 1], indices=[-1])], "not of this shape"),
        ((2, 3), [level(2), level(segments=[0, 0, 2], indices=[0, 1])], "not of this shape"),
    ],
)
def test_a_strangers_tree_takes_no_memory_that_its_shape_does_not_need(shape, levels, said):
    tree = schema.SparsityParametersT(traversalOrder=[0, 1], blockMap=None, dimMetadata=levels)
    with pytest.raises(ValueError, match=said):
        dense(np.ones(1, "float32"), shape, tree)
