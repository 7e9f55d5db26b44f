"""Networks with kernels of every kind, of lengths that tell the axes apart."""

import numpy as np
import tf_keras as keras

from tfsparse.mask import prunable

layers = keras.layers


def every_kind():
    stack = [
        layers.Conv2D(8, (3, 2), input_shape=(9, 8, 4), name="conv"),
        layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise"),
        layers.SeparableConv2D(6, 2, name="separable"),
        layers.Conv2DTranspose(10, 2, name="transposed"),
        layers.Conv2D(12, 1, groups=2, name="grouped"),
        layers.ReLU(),
        layers.Flatten(name="flatten"),
        layers.Dropout(0.5),
        layers.Dense(7, name="hidden"),
        layers.Dense(7, name="square"),
    ]
    return keras.Sequential(stack)


def of_sequences():
    inputs = keras.Input((12, 3))
    x = layers.Conv1D(5, 4, name="conv1")(inputs)
    x = layers.DepthwiseConv1D(2, depth_multiplier=2, name="depthwise")(x)
    x = layers.EinsumDense("abc,cde->abde", (None, 2, 6), name="einsum")(x)
    x = layers.Reshape((8, 12))(x)
    return keras.Model(inputs, layers.Dense(3, name="head")(layers.Flatten()(x)))


def of_volumes():
    stack = [
        layers.Conv3D(4, (1, 2, 3), input_shape=(4, 5, 6, 2), name="conv"),
        layers.Conv3DTranspose(3, (2, 1, 2), name="transposed"),
        layers.Flatten(),
        layers.Dense(2, name="head"),
    ]
    return keras.Sequential(stack)


def torch_masks(model, density=0.5):
    """Masks for convolutions and dense layers in PyTorch's layout, by layer, in the order of the layers."""
    random, found = np.random.default_rng(0), {}
    for path, variable in prunable(model).items():
        *places, before, after = variable.shape
        found[path.rsplit("/", 1)[0]] = random.random((after, before, *places)) < density
    return found
