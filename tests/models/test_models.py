"""Every network: what it computes, how it is named and initialised, and that its files bring it back."""

import functools
import types
import warnings

import numpy as np
import pytest
import tf_keras as keras

from tests.conftest import slow
from tfsparse.models import MODELS, build_model


def data(size=32, classes=10):
    return types.SimpleNamespace(input_shape=(size, size, 3), num_classes=classes)


@functools.cache
def thin(name):
    return build_model(name, data(classes=7), width=0.125)


@pytest.mark.parametrize("name", [slow(n) if n in ("resnet56", "resnet104") else n for n in sorted(MODELS)])
def test_gives_logits(name):
    images = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    logits = thin(name)(images).numpy()
    assert logits.shape == (2, 7) and np.isfinite(logits).all()
    assert not np.allclose(logits.sum(-1), 1)  # no softmax


@pytest.mark.parametrize("name", ["resnet18", "resnet20", "vgg16", "mobilenet"])
def test_takes_larger_images_with_the_same_weights(name):
    larger = build_model(name, data(64, 7), width=0.125)
    assert larger.input_shape == (None, 64, 64, 3)
    larger.set_weights(thin(name).get_weights())
    assert larger(np.zeros((1, 64, 64, 3), "float32")).shape == (1, 7)


@pytest.mark.parametrize("name", [slow(name) if name == "resnet104" else name for name in sorted(MODELS)])
def test_is_flat_functional_and_of_standard_layers(name):
    model = thin(name)
    assert model._is_graph_network
    for layer in model.layers:
        assert not isinstance(layer, keras.Model)
        assert type(layer).__module__.startswith("tf_keras.")
        if isinstance(layer, keras.layers.Conv2D):
            explicit = name == "mobilenet_xnnpack" and layer.strides == (2, 2)  # a ZeroPadding2D of its own
            assert not layer.use_bias and layer.padding == ("valid" if explicit else "same")
            assert layer.activation is keras.activations.linear
        if isinstance(layer, keras.layers.BatchNormalization):
            assert (layer.momentum, layer.epsilon) == (0.9, 1e-5)
    assert model.layers[-1].name == "classifier"


def test_layers_are_named_by_their_place():
    names = [layer.name for layer in thin("resnet20").layers]
    for name in ("stem/conv", "stage1/block0/conv1", "stage1/block0/bn1", "stage1/block0/relu1", "stage2/block0/add"):
        assert name in names
    assert "stage2/block0/shortcut/conv" in names and "stage1/block0/shortcut/conv" not in names


@pytest.mark.parametrize("name", ["resnet18", "mobilenet"])
def test_kernels_are_he_normal_for_their_true_fan_in(name):
    checked = 0
    for layer in build_model(name, data(), width=0.5).layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel = layer.get_weights()[0]
            one_channel = isinstance(layer, keras.layers.DepthwiseConv2D)
            fan_in = kernel.shape[0] * kernel.shape[1] * (1 if one_channel else kernel.shape[2])
            if kernel.size > 4000:  # enough for a standard deviation
                assert kernel.std() == pytest.approx((2 / fan_in) ** 0.5, rel=0.06), layer.name
                checked += 1
    assert checked > 5


# The deep ResNets are left out for time: the same functions build them, only more often.
@pytest.mark.parametrize("name", ["resnet20", "mobilenet", *(slow(n) for n in ("resnet18", "vgg16"))])
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_survives_its_file(name, suffix, tmp_path):
    assert_comes_back(thin(name), tmp_path / f"model{suffix}")


@pytest.mark.slow
def test_survives_a_keras_saved_model_folder(tmp_path):
    assert_comes_back(thin("vgg16"), tmp_path / "folder")


def assert_comes_back(model, path):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You are saving your model as an HDF5 file")  # Keras' advice, on purpose here
        model.save(path)
    again = keras.models.load_model(path, compile=False)
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    assert [w.name for w in again.weights] == [w.name for w in model.weights]
    images = np.random.default_rng(1).normal(size=(2, 32, 32, 3)).astype("float32")
    np.testing.assert_array_equal(model(images).numpy(), again(images).numpy())


def test_width_multiplies_channels_but_not_classes():
    half = build_model("resnet18(width=0.5)", data(classes=7))
    assert half.get_layer("stem/conv").filters == 32
    assert half.output_shape == (None, 7)
    thinnest = build_model("resnet20", data(), width=0.001)
    assert {layer.filters for layer in thinnest.layers if isinstance(layer, keras.layers.Conv2D)} == {1}


@pytest.mark.parametrize(
    ("name", "size", "classes", "width", "message"),
    [
        ("resnet200", 32, 10, 1.0, "Did you mean 'resnet20'"),
        ("resnet20(wdth=1)", 32, 10, 1.0, "no option 'wdth'"),
        ("resnet20(width=0)", 32, 10, 1.0, "width must be"),
        ("resnet20", 32, 10, -1, "width must be"),
        ("resnet20(width='a')", 32, 10, 1.0, "width must be a number in .0, inf., received 'a'"),
        ("vgg16(width=None)", 32, 10, 1.0, "width must be"),
        ("resnet20(width=0.5)", 32, 10, 0.5, "given twice"),
        ("vgg16", 8, 10, 1.0, "too small"),
        ("mobilenet", 15, 10, 1.0, "16x16"),
        ("resnet20", 32, 1, 1.0, "num_classes"),
        ("resnet20", 32, None, 1.0, "num_classes"),
    ],
)
def test_refuses(name, size, classes, width, message):
    with pytest.raises(ValueError, match=message):
        build_model(name, data(size, classes), width=width)


def test_refuses_what_is_no_image():
    with pytest.raises(ValueError, match="input_shape"):
        build_model("resnet20", types.SimpleNamespace(input_shape=(784,), num_classes=10))
