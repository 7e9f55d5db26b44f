"""Small networks, their masks and their data, for the tests of the exporters."""

import types

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsparse import paths
from tfsparse.export import EXPORTERS

FORMATS = sorted(EXPORTERS)
MEAN, STD = (120.0, 110.0, 100.0), (60.0, 50.0, 55.0)


def data(**changes):
    known = {"input_shape": (8, 8, 3), "num_classes": 4, "mean": MEAN, "std": STD, "class_names": list("abcd")}
    return types.SimpleNamespace(**{**known, "image_dtype": "uint8", "test": None, **changes})


def network(softmax=False, dtype=None):
    """Convolution, depthwise convolution and shortcut, each with its norm, and a classifier; names with slashes."""
    layers = keras.layers
    images = x = keras.Input((8, 8, 3), name="images")
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, name="stem/conv", dtype=dtype)(x)
    x = layers.ReLU(name="stem/relu")(layers.BatchNormalization(name="stem/bn")(x))
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="block/depthwise", dtype=dtype)(x)
    y = layers.BatchNormalization(name="block/bn")(y)
    x = layers.ReLU(name="block/relu")(layers.Add(name="block/add")([x, y]))
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    activation = "softmax" if softmax else None
    x = layers.Dense(4, activation=activation, name="classifier", dtype="float32" if dtype else None)(x)
    return keras.Model(images, x)


def sparse(model, sparsity=0.7):
    """Draws all weights, some negative norms among them, and prunes the kernels; returns the mask."""
    random, mask = np.random.default_rng(0), {}
    for path, variable in paths.weights(model).items():
        value = random.normal(size=variable.shape)
        if path.endswith("moving_variance"):
            value = np.abs(value) + 0.5
        elif path.endswith("kernel"):
            mask[path] = random.random(variable.shape) >= sparsity
            value = value * mask[path]
        variable.assign(value)
    return mask


def zeros(mask):
    return sum(int(np.count_nonzero(~array)) for array in mask.values())


def keras_probabilities(model, images, softmax=True):
    outputs = model((images.astype("float32") - MEAN) / STD, training=False)
    return (tf.nn.softmax(outputs) if softmax else outputs).numpy()


def pictures(count=5):
    return np.random.default_rng(3).integers(0, 256, (count, 8, 8, 3)).astype("uint8")
