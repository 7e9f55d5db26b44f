"""Models of every kind are exported, also those that store their weights in another layout than most."""

import warnings

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.export.export_networks import FORMATS, data, keras_probabilities, network, pictures, sparse, zeros
from tfsparse import paths
from tfsparse.export import ExportError, export_model, load_exported
from tfsparse.export.serving import plain_float32


@pytest.mark.parametrize("format", FORMATS)
def test_a_mixed_precision_model_is_exported_in_float32(format, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        half = network(dtype="mixed_float16")
    mask = sparse(half)
    whole = network()
    whole.set_weights(half.get_weights())
    result = export_model(half, format, tmp_path / "mine", mask=mask, data=data())
    assert result.zeros == zeros(mask)
    exported = load_exported(result.path)
    np.testing.assert_allclose(exported(pictures()), keras_probabilities(whole, pictures()), atol=1e-5)


@pytest.mark.parametrize("options", [{"mean": (104.0, 117.0, 123.0), "std": None}, {"mean": None, "std": (255.0,)}])
def test_mean_or_std_alone(options, tmp_path):
    """The other shifts, or scales, nothing; the file was made as if both were missing, or not at all."""
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(4)])
    exported = load_exported(export_model(model, "saved_model", tmp_path / "mine", data=data(**options)).path)
    normalised = (pictures() - np.array(options["mean"] or 0)) / np.array(options["std"] or 1)
    np.testing.assert_allclose(exported(pictures()), tf.nn.softmax(model(normalised)), atol=1e-5)


def test_a_subclassed_model_in_half_a_precision(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    half = Configured()
    half(tf.zeros((1, 8, 8, 3)))
    whole = plain_float32(half)
    assert whole(tf.zeros((1, 8, 8, 3))).dtype == tf.float32
    for ours, theirs in zip(whole.get_weights(), half.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = keras.layers.Conv2D(4, 3)
        self.head = keras.layers.Dense(4)

    def call(self, images):
        return self.head(tf.reduce_mean(self.conv(images), [1, 2]))


class Configured(Subclassed):
    def get_config(self):
        return {}


def unusual():
    """Grouped, separable, transposed and shared convolutions, attention, a nested model, flattening, dropout."""
    layers = keras.layers
    images = x = keras.Input((8, 8, 3))
    inner = keras.Sequential([layers.Conv2D(8, 3, padding="same", name="conv"), layers.ReLU()], name="inner")
    shared = layers.Conv2D(8, 3, padding="same", name="conv")
    x = inner(x)
    x = layers.BatchNormalization()(shared(shared(x)))
    x = layers.Conv2D(8, 3, padding="same", groups=2)(x)
    x = layers.SeparableConv2D(6, 3, strides=2)(x)
    x = layers.Conv2DTranspose(5, 3)(x)
    x = layers.Reshape((-1, 5))(x)
    x = x + layers.MultiHeadAttention(2, 3)(x, x)
    x = layers.Conv1D(4, 3)(x)
    x = layers.Dropout(0.5)(layers.Flatten()(x))
    return keras.Model(images, layers.Dense(4)(x))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("build", [unusual, Subclassed])
def test_any_keras_model(format, build, tmp_path):
    model = build()
    model(np.zeros((1, 8, 8, 3), "float32"))
    mask = sparse(model)
    for path, variable in paths.weights(model).items():
        variable.assign(variable * (0.3 if path.endswith("kernel") else 1))  # or the softmax is flat against 0 and 1
    if format == "onnx" and build is unusual:  # the grouped convolution is not to be had, and said so
        with pytest.raises(ExportError, match=r"PartitionedCall \(a function, as Keras makes of a grouped"):
            export_model(model, format, tmp_path / "mine", mask=mask, data=data())
        assert not list(tmp_path.iterdir())
        return
    result = export_model(model, format, tmp_path / "mine", mask=mask, data=data(), compact=False)
    assert result.zeros >= zeros(mask)
    export_model(model, format, tmp_path / "mine", mask=mask, data=data())


def test_attention_in_onnx(tmp_path):
    images = keras.Input((8, 8, 3))
    x = keras.layers.Reshape((16, 12))(images)
    x = x + keras.layers.MultiHeadAttention(2, 3)(x, x)
    model = keras.Model(images, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling1D()(x)))
    mask = sparse(model)
    assert export_model(model, "onnx", tmp_path / "mine", mask=mask, compact=False).zeros >= zeros(mask)


def test_onnx_names_what_it_cannot_hold_and_nothing_else(tmp_path):
    layers = [keras.layers.Dense(4, activation="gelu", input_shape=(6,)), keras.layers.Dense(3)]
    with pytest.raises(ExportError, match=r"Erfc \(exact gelu; gelu with approximate=True") as error:
        export_model(keras.Sequential(layers), "onnx", tmp_path / "mine")
    assert "grouped" not in str(error.value)


class Block(keras.layers.Layer):
    """Makes its parts itself; they take the global policy. Not registered."""

    def __init__(self, units, **options):
        super().__init__(**options)
        self.units = units
        self.inner = keras.layers.Dense(units, activation="relu")

    def call(self, x):
        return self.inner(x)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Stubborn(keras.layers.Layer):
    def __init__(self, **options):
        super().__init__(**{**options, "dtype": "mixed_bfloat16"})

    def call(self, x):
        return x * 2


@pytest.fixture
def global_bfloat16():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    yield
    keras.mixed_precision.set_global_policy("float32")


def test_under_a_global_policy_composite_unregistered_and_wrapped_layers_are_brought_to_float32(
    global_bfloat16, tmp_path
):
    layers, factor = keras.layers, 0.5
    inner = keras.Sequential([keras.Input((6, 4)), layers.Dense(5), layers.BatchNormalization()], name="inner")
    inputs = keras.Input((6, 4))
    x = layers.Lambda(lambda x: x * factor)(Block(7)(inner(inputs)))
    x = layers.Bidirectional(layers.GRU(3))(x)
    model = keras.Model(inputs, layers.Dense(3, dtype="float32")(x))
    bare = data(input_shape=(6, 4), mean=None, std=None, class_names=None, image_dtype=None)
    exported = load_exported(export_model(model, "saved_model", tmp_path / "mine", data=bare).path)
    images = np.random.default_rng(0).normal(size=(5, 6, 4)).astype("float32")
    np.testing.assert_allclose(exported(images), tf.nn.softmax(model(images)), atol=0.02)  # bfloat16's own error
    assert {layer.compute_dtype for layer in plain_float32(model)._flatten_layers()} == {"float32"}
    assert keras.mixed_precision.global_policy().name == "mixed_bfloat16"


def test_a_layer_that_stays_in_another_precision_is_named():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(3)(Stubborn(name="stubborn")(inputs)))
    with pytest.raises(ExportError, match=r"'stubborn' \(Stubborn\) computes in bfloat16"):
        plain_float32(model)
