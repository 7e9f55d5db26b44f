"""The doctor against what the converter does, and layer by layer against XNNPACK's conditions."""

import re
import types

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

import tfsparse as ts
from tests.conftest import slow
from tfsparse.mask import apply_mask

L = keras.layers
IMAGES = types.SimpleNamespace(input_shape=(32, 32, 3), num_classes=10)


def masked(name, sparsity=0.9, prunable="pointwise"):
    model = ts.build_model(name, IMAGES)
    return model, ts.find_mask(model, "random", sparsity=sparsity, prunable=prunable)


def test_a_network_built_to_the_conditions_runs_sparse_on_arm_only():
    found = ts.doctor(*masked("mobilenet_xnnpack(width=0.25)"))
    points = [layer for layer in found.layers if "pointwise" in layer.path]
    assert len(points) == 13 and {(p.arm, p.avx, p.old_x86) for p in points} == {("sparse", "dense", "sparse")}
    assert found.spoiler is None and "ARM: 13 of 28 kernels run sparse" in str(found)
    assert all(layer.arm == "dense" for layer in found.layers if layer not in points)


@pytest.mark.parametrize(
    ("name", "sparsity", "spoiler", "remedy"),
    [
        slow("mobilenet(width=0.25)", 0.9, "stem/conv", "3x3 with stride 2"),
        ("mobilenet_xnnpack(width=0.25)", 0.6, "block0/pointwise/conv", "raise the sparsity"),
    ],
)
def test_what_spoils_our_networks_is_named(name, sparsity, spoiler, remedy):
    found = ts.doctor(*masked(name, sparsity))
    assert found.spoiler == spoiler and remedy in found.remedy
    assert all(layer.arm == "dense" for layer in found.layers)


def start(padding="valid"):
    images = keras.Input((16, 16, 3))
    x = L.ZeroPadding2D(1)(images) if padding == "valid" else images
    return images, L.Conv2D(8, 3, 2, padding=padding, name="stem")(x)


def end(images, x):
    return keras.Model(images, L.Dense(4, name="head")(L.GlobalAveragePooling2D()(x)))


def sparse_points(model):
    for layer in model.layers:
        if isinstance(layer, L.Conv2D) and layer.kernel_size == (1, 1):
            layer.kernel.assign(layer.kernel * (np.arange(layer.kernel.shape[-1]) == 0))
    return ts.doctor(model, compact=False)


@pytest.mark.parametrize(
    ("layer", "remedy"),
    [
        (L.Conv2D(8, 3, padding="same", name="bad"), "depthwise and a 1x1"),
        (L.Conv2D(8, 1, 2, name="bad"), "stride 2"),
        (L.DepthwiseConv2D(3, 2, padding="same", name="bad"), r"ZeroPadding2D\(1\)"),
        (L.DepthwiseConv2D(3, padding="same", depth_multiplier=2, name="bad"), "multiplier 1"),
        (L.MaxPooling2D(name="bad"), "MaxPooling2D does not fit"),
        (L.DepthwiseConv2D(3, padding="same", dilation_rate=2, name="bad"), "not dilated"),
        (L.DepthwiseConv2D(3, padding="same", activation="gelu", name="bad"), "gelu"),
        (L.Conv2D(8, 1, activation=tf.nn.gelu, name="bad"), "gelu"),
        (L.Activation("softplus", name="bad"), "softplus"),
        (L.Activation(lambda x: x * 2, name="bad"), "<lambda>"),
    ],
)
def test_every_layer_that_spoils_is_named_with_its_remedy(layer, remedy):
    images, x = start()
    x = L.Conv2D(8, 1, name="point")(L.BatchNormalization()(x))
    found = sparse_points(end(images, L.Conv2D(8, 1, name="after")(layer(x))))
    assert found.spoiler == "bad"
    assert re.search(remedy, found.remedy), found.remedy
    assert all(row.arm == "dense" for row in found.layers)


def test_residual_sums_and_explicit_padding_fit_and_a_convolution_at_the_end_does_not():
    images, x = start()
    y = L.ReLU()(L.BatchNormalization()(L.Conv2D(8, 1, name="a")(x)))
    y = L.DepthwiseConv2D(5, padding="same")(y)
    x = L.Add()([x, L.Conv2D(8, 1, name="b")(y)])
    x = L.DepthwiseConv2D(3, 2)(L.ZeroPadding2D(1)(x))
    found = sparse_points(end(images, x))
    assert found.spoiler is None
    assert {row.path for row in found.layers if row.arm == "sparse"} == {"a/kernel", "b/kernel"}
    pooled = L.GlobalAveragePooling2D(keepdims=True)(x)
    found = sparse_points(keras.Model(images, L.Flatten()(L.Conv2D(4, 1, name="classes")(pooled))))
    assert found.spoiler == "classes" and "use Dense" in found.remedy
    images, x = start("same")
    assert sparse_points(end(images, L.Conv2D(8, 1)(x))).spoiler == "stem"


@pytest.mark.parametrize("kind", ["random", slow("blocks"), slow("dense")])
@pytest.mark.parametrize("format", ["tflite", slow("tflite(dtype='float16')")])
def test_files_weigh_what_was_said(kind, format, tmp_path):
    random = np.random.default_rng(0)
    model = keras.Sequential([keras.Input((16, 16, 16)), L.Conv2D(64, 3), L.Conv2D(300, 3), L.Conv2D(64, 1)])
    model.add(L.Flatten())
    model.add(L.Dense(16))
    for layer in model.layers:
        if layer.weights:
            live = random.random(layer.kernel.shape) < (1 if kind == "dense" else 0.15)
            if kind == "blocks" and live.ndim == 2:
                live = np.repeat(random.random((live.shape[0] // 4, live.shape[1])) < 0.15, 4, axis=0)
            layer.kernel.assign(layer.kernel * live)
    said = ts.doctor(model).sizes[format]
    found = ts.export_model(model, format, tmp_path / "mine")
    dtype = "float16" if "float16" in format else "float32"
    plain = ts.export_model(model, f"tflite(dtype='{dtype}', sparse=False)", tmp_path / "plain")
    for bytes, expected in ((plain.bytes, said[0]), (found.bytes, min(said))):
        assert expected < bytes < 1.02 * expected + 6000, (bytes, expected)


def test_sizes_count_every_weight():
    """Of embeddings and recurrent layers nothing was counted, of depthwise convolutions one bias."""
    layers = [L.Embedding(500, 64, input_length=10), L.LSTM(16), L.Dense(2)]
    model = keras.Sequential(layers)
    assert ts.doctor(model).sizes["tflite"][0] == 4 * model.count_params()
    assert ts.doctor(model).sizes["tflite(dtype='int8')"][0] < 1.1 * model.count_params()
    model = keras.Sequential([keras.Input((8, 8, 6)), L.DepthwiseConv2D(3, name="d"), L.BatchNormalization()])
    assert ts.doctor(model).sizes["tflite"][0] == 4 * (9 * 6 + 6)
    whole = ts.doctor(model, compact=False)
    assert str(whole).startswith("No channel is looked at to be taken out: 84 parameters."), str(whole)


def test_dense_layers_in_blocks_run_sparse_everywhere():
    model = keras.Sequential([L.Dense(64, input_shape=(64,), name="a"), L.Dense(64, name="b"), L.Dense(4, name="c")])
    blocks = ts.find_mask(model, "random", sparsity=0.9, pattern="block(1x4)", exclude=["b", "c"])
    loose = ts.find_mask(model, "random", sparsity=0.9, exclude=["a", "c"])
    apply_mask(model, blocks)
    apply_mask(model, loose)
    a, b, c = ts.doctor(model, compact=False).layers
    assert (a.arm, a.avx, a.old_x86) == ("sparse",) * 3
    assert (b.arm, b.avx) == ("dense", "dense") and "block(1x4)" in b.reason
    assert c.arm == "dense"


def test_blocks_stay_whole_where_channels_are_taken_out():
    """Magnitude leaves whole inputs of the second layer unread; taken out one by one they would shift the blocks."""
    model = keras.Sequential([L.Dense(256, "relu", input_shape=(64,), name="a"), L.Dense(64, name="b"), L.Dense(4)])
    mask = ts.find_mask(model, "random", sparsity=0.97, pattern="block(1x4)", exclude=["dense"])
    apply_mask(model, mask)
    found = ts.doctor(model)
    assert found.channels[1] < found.channels[0], "nothing is taken out: the test tells nothing"
    assert [layer.arm for layer in found.layers][:2] == ["sparse", "sparse"], found.layers
    x = np.random.default_rng(0).normal(size=(8, 64)).astype("float32")
    np.testing.assert_allclose(ts.compact(model).model(x), model(x), atol=1e-5)


def test_kernels_of_attention_are_no_convolutions():
    words = keras.Input((6, 8))
    mixed = L.MultiHeadAttention(2, 4, name="attention")(words, words)
    model = keras.Model(words, L.GlobalAveragePooling1D()(L.Conv1D(3, 3, name="conv")(mixed)))
    reasons = {layer.path: layer.reason for layer in ts.doctor(model, compact=False).layers}
    assert reasons.pop("conv/kernel") == "3 Conv1D is never sparse"
    assert set(reasons.values()) == {"EinsumDense is never sparse"}


def test_the_model_is_left_as_it_was():
    model, mask = masked("mobilenet_xnnpack(width=0.1)")
    before = [weight.numpy() for weight in model.weights]
    ts.doctor(model, mask)
    for weight, array in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, array)
    with pytest.raises(ValueError, match="nowhere/kernel"):
        ts.doctor(model, {"nowhere/kernel": np.ones((2, 2), bool)})


def test_a_subclassed_model_is_refused():
    class Mine(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ValueError, match="subclass"):
        ts.doctor(Mine())


def test_a_convolution_in_a_block_named_for_depthwise_ones():
    sizes = []
    for name in ("block/project", "depthwise_block/project"):
        model = keras.Sequential([keras.Input((8, 8, 4)), L.Conv2D(6, 1, name=name), L.GlobalAveragePooling2D()])
        sizes.append(ts.doctor(model).sizes)
    assert sizes[0] == sizes[1]
