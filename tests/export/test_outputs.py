"""What follows the model in its file: a softmax, a sigmoid or nothing, as its outputs are."""

import json
import types

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.export.export_networks import FORMATS, data
from tfsparse.export import card_path, export_model, load_exported, predict

layers = keras.layers
VECTORS = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
OF_VECTORS = data(input_shape=(4,), mean=None, std=None, class_names=None, image_dtype="float32")


def network(activation="linear", units=3):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [keras.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(units, activation=activation)]
    )


def exported(model, format, path, **options):
    path = export_model(model, format, path / "mine", data=OF_VECTORS, **options).path
    return load_exported(path)(VECTORS), json.loads(card_path(path).read_text())["outputs"]


@pytest.mark.parametrize("format", FORMATS)
def test_labels_that_are_each_on_their_own_stay_so(format, tmp_path):
    model = network("sigmoid")
    found, said = exported(model, format, tmp_path)
    np.testing.assert_allclose(found, model(VECTORS), atol=1e-5)
    assert said == {"meaning": "probabilities of labels, each on its own", "added": None}


@pytest.mark.parametrize(
    ("activation", "wanted", "last", "meaning"),
    [
        ("linear", "auto", tf.nn.softmax, "class probabilities"),
        ("softmax", "auto", tf.identity, "class probabilities"),
        ("linear", "softmax", tf.nn.softmax, "class probabilities"),
        ("linear", "sigmoid", tf.sigmoid, "probabilities of labels, each on its own"),
        ("linear", "as_is", tf.identity, "numbers of the model's own"),
        ("tanh", "as_is", tf.identity, "numbers of the model's own"),
    ],
)
def test_what_is_said_of_the_outputs_is_done(activation, wanted, last, meaning, tmp_path):
    model = network(activation)
    found, said = exported(model, "tflite", tmp_path, outputs=wanted)
    np.testing.assert_allclose(found, last(model(VECTORS)), atol=1e-5)
    assert said["meaning"] == meaning


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("activation", "wanted", "last"), [("sigmoid", "auto", tf.identity), ("linear", "sigmoid", tf.sigmoid)]
)
def test_a_binary_classifier_gives_the_probability_of_its_second_class(format, activation, wanted, last, tmp_path):
    model = network(activation, 1)
    named = data(**{**vars(OF_VECTORS), "class_names": ("cat", "dog")})
    path = export_model(model, format, tmp_path / "mine", data=named, outputs=wanted).path
    np.testing.assert_allclose(load_exported(path)(VECTORS), last(model(VECTORS)), atol=1e-5)
    card = json.loads(card_path(path).read_text())
    assert (card["class_names"], card["outputs"]["meaning"]) == (["dog"], "probabilities of labels, each on its own")


@pytest.mark.parametrize("function", [tf.nn.relu, keras.activations.tanh, tf.nn.relu6, tf.nn.softplus, tf.exp])
def test_a_function_called_at_the_end_is_no_logit_either(function, tmp_path):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, function(layers.Dense(3)(inputs)))
    with pytest.raises(ValueError, match=r"ends in \w+: its outputs are no logits"):
        exported(model, "tflite", tmp_path)
    logits = keras.Model(inputs, tf.nn.log_softmax(layers.Dense(3)(inputs)))  # a softmax gives back its probabilities
    found, _ = exported(logits, "tflite", tmp_path)
    np.testing.assert_allclose(found, tf.exp(logits(VECTORS)), atol=1e-5)


def test_logits_may_be_means_of_what_a_relu_gives(tmp_path):
    """As SqueezeNet's are."""
    inputs = keras.Input((4,))
    maps = layers.Reshape((2, 3))(layers.Dense(6, activation="relu")(inputs))
    model = keras.Model(inputs, layers.GlobalAveragePooling1D()(maps))
    found, _ = exported(model, "tflite", tmp_path)
    np.testing.assert_allclose(found, tf.nn.softmax(model(VECTORS)), atol=1e-5)


def test_what_a_single_number_is_must_be_said(tmp_path):
    model = network(units=1)
    with pytest.raises(ValueError, match="gives one number. Say what it is: outputs='sigmoid'"):
        exported(model, "tflite", tmp_path)
    with pytest.raises(ValueError, match="always 1"):
        exported(model, "tflite", tmp_path, outputs="softmax")
    assert not list(tmp_path.iterdir())
    found, said = exported(model, "tflite", tmp_path, outputs="as_is")
    np.testing.assert_allclose(found, model(VECTORS), atol=1e-5)
    assert said["meaning"] == "numbers of the model's own"


def test_large_numbers_are_compared_in_parts_of_their_size(tmp_path):
    model = network()
    model.layers[-1].kernel.assign(model.layers[-1].kernel * 1e6)
    found, _ = exported(model, "tflite", tmp_path, outputs="as_is")
    np.testing.assert_allclose(found, model(VECTORS), rtol=1e-3)


def in_full_precision(activation):
    """Ends as Keras has mixed-precision networks end."""
    model = network(activation)
    return keras.Model(model.input, layers.Activation("linear", dtype="float32")(model.output))


class BodyLast(keras.Model):
    """What it made last is not what its outputs come from."""

    def __init__(self):
        super().__init__()
        self.head, self.body = layers.Dense(3), layers.Dense(8, activation="relu")

    def call(self, x):
        return self.head(self.body(x))


def test_the_end_of_a_mixed_or_subclassed_network_is_no_guess(tmp_path):
    model = in_full_precision("sigmoid")
    np.testing.assert_allclose(exported(model, "tflite", tmp_path)[0], model(VECTORS), atol=1e-5)
    model = BodyLast()
    model(VECTORS)
    np.testing.assert_allclose(exported(model, "tflite", tmp_path / "b")[0], tf.nn.softmax(model(VECTORS)), atol=1e-5)


@pytest.mark.parametrize("end", [network("tanh"), keras.Sequential([keras.Input((4,)), network(), layers.LeakyReLU()])])
def test_what_cannot_be_told_or_read_is_refused(end, tmp_path):
    with pytest.raises(ValueError, match="ends in (tanh|LeakyReLU).*outputs='as_is'"):
        exported(end, "tflite", tmp_path)
    with pytest.raises(ValueError, match="'sigmoid'.*Known: as_is, auto, sigmoid, softmax"):
        exported(network(), "tflite", tmp_path, outputs="sigmoidal")
    assert not list(tmp_path.iterdir())


def test_numbers_of_the_models_own_are_no_percentages(tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.GlobalAveragePooling2D(), layers.Dense(4)])
    PIL.Image.fromarray(np.full((8, 8, 3), 9, "uint8")).save(tmp_path / "a.png")
    for wanted, probable in (("as_is", False), ("sigmoid", True)):
        path = export_model(model, "tflite", tmp_path / wanted, data=data(), outputs=wanted).path
        (found,) = predict(path, [tmp_path / "a.png"])
        assert found.probable == probable


def test_logits_of_labels_each_on_their_own_are_asked_about(tmp_path):
    """A softmax was put behind them without a word."""
    tags = types.SimpleNamespace(**vars(OF_VECTORS), labels_apart=True)
    with pytest.raises(
        ValueError, match="labels of the data do not add up to 1. Say what its outputs are: outputs='sigmoid'"
    ):
        export_model(network(), "tflite", tmp_path / "mine", data=tags)
    path = export_model(network(), "tflite", tmp_path / "mine", data=tags, outputs="sigmoid").path
    np.testing.assert_allclose(load_exported(path)(VECTORS), tf.sigmoid(network()(VECTORS)), atol=1e-5)
