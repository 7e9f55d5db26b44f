"""Models that other people made: KerasCV, keras.applications, nested ones; and what is refused."""

import importlib

import keras_cv
import numpy as np
import pytest
import tf_keras as keras

import tfsparse as ts
from tests.conftest import dead, slow

RECIPE = "ghost_neurons(share=0.5),ghost_skips(share=0.5),label_smoothing,rescaled_init(iterations=2)"


def keras_cv_classifier():
    backbone = keras_cv.models.ResNetBackbone(
        stackwise_filters=[4, 8],
        stackwise_blocks=[1, 1],
        stackwise_strides=[1, 2],
        include_rescaling=True,
        input_shape=(32, 32, 3),
    )
    return keras_cv.models.ImageClassifier(backbone=backbone, num_classes=3)


def application():
    return keras.applications.MobileNet(input_shape=(32, 32, 3), alpha=0.25, weights=None, classes=3)


def nested():
    """Features of a model within a model, its layers named as the outer ones are."""
    features = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="conv"),
            keras.layers.BatchNormalization(name="norm"),
        ],
        name="features",
    )
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(features(inputs))
    return keras.Model(inputs, keras.layers.Dense(3, name="head")(keras.layers.GlobalAveragePooling2D()(x)))


@pytest.mark.parametrize("build", [slow(keras_cv_classifier), slow(application), nested])
def test_any_model_goes_all_the_way(build, tmp_path):
    random = np.random.default_rng(0)
    images, labels = random.normal(size=(16, 32, 32, 3)).astype("float32"), np.arange(16) % 3
    data = ts.Data.from_arrays(train=(images, labels), test=(images, labels), batch_size=8)
    task = ts.Task(data, epochs=2, learning_rate=0.01)
    model = build()
    kind, layers = type(model), [type(layer) for layer in model.layers]
    mask = ts.find_mask(model, "snip", sparsity=0.8, task=task)
    ts.train(model, task, mask, RECIPE, verbose=0)
    assert type(model) is kind and [type(layer) for layer in model.layers] == layers
    assert dead(model, mask) == 0
    result = ts.export_model(model, "tflite", tmp_path / "model.tflite", mask=mask, data=data)
    assert result.max_difference < 1e-4


def test_a_keras_3_model_is_refused_with_the_way_out():
    keras_3 = importlib.import_module("keras")
    model = keras_3.Sequential([keras_3.Input((4,)), keras_3.layers.Dense(2)])
    with pytest.raises(TypeError, match=r"Keras 3 model.*tf_keras"):
        ts.find_mask(model, "random", sparsity=0.5)
    with pytest.raises(TypeError, match="Keras 3 model"):
        ts.train(model, None, None, "none")


def test_something_that_is_no_model_is_refused():
    with pytest.raises(TypeError, match=r"Expected a tf_keras model, received ndarray"):
        ts.find_mask(np.zeros(3), "random", sparsity=0.5)
