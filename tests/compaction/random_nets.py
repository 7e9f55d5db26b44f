"""Networks of random parts, and masks that kill some of their channels."""

import numpy as np
import tf_keras as keras

from tfsparse.mask import Mask, apply_mask, prunable

L = keras.layers


def network(seed):
    """A functional model of 3 to 7 random blocks on 9x9 images, random weights throughout; the last are dense."""
    rng = np.random.default_rng(seed)
    keras.backend.clear_session()
    x = inputs = keras.Input((9, 9, 3))
    for _ in range(rng.integers(3, 8)):
        x = BLOCKS[rng.integers(len(BLOCKS))](x, rng)
    x = _end(x, rng)
    x = L.Dense(int(rng.integers(4, 9)), activation=rng.choice(["relu", "linear", "tanh"]))(x)
    model = keras.Model(inputs, L.Dense(3, activation=rng.choice(["softmax", "linear"]))(x))
    fill(model, rng)
    return model


def fill(model, rng):
    """Random numbers for all weights, statistics of norms included."""
    for weight in model.weights:
        positive = "variance" in weight.name or "gamma" in weight.name
        weight.assign(rng.uniform(0.5, 1.5, weight.shape) if positive else rng.normal(0, 0.5, weight.shape))


def mask(model, seed):
    """A `Mask` that thins all kernels and empties rows and columns of some; the model's weights follow it."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for path, variable in prunable(model).items():
        live = rng.random(variable.shape) < rng.choice([0.3, 0.7, 1.0])
        if path != list(prunable(model))[-1]:
            live &= rng.random(variable.shape[-1]) < rng.choice([0.4, 0.8, 1.0])
        live &= (rng.random(variable.shape[-2]) < rng.choice([0.5, 1.0]))[:, np.newaxis]
        arrays[path] = live
    found = Mask(arrays)
    apply_mask(model, found)
    return found


def _conv(x, rng, filters=None, strides=1, padding=None):
    padding = padding or rng.choice(["same", "valid"] if x.shape[1] > 3 else ["same"])
    size, bias = int(rng.choice([1, 3])), bool(rng.integers(2))
    activation = rng.choice(["linear", "relu"])
    return L.Conv2D(filters or int(rng.integers(3, 9)), size, strides, padding, use_bias=bias, activation=activation)(x)


def _plain(x, rng):
    x = _conv(x, rng, strides=int(rng.choice([1, 2])))
    if rng.integers(2):
        x = L.BatchNormalization(scale=bool(rng.integers(2)), center=bool(rng.integers(2)))(x)
    return rng.choice([L.ReLU(), L.Activation("swish"), L.ReLU(6.0), L.LeakyReLU(), L.Activation("linear")])(x)


def _residual(x, rng):
    y = L.BatchNormalization()(_conv(x, rng, padding="same"))
    y = _conv(L.ReLU()(y), rng, x.shape[-1], padding="same")
    return L.ReLU()(
        rng.choice([L.Add(), L.Maximum(), L.Average(), L.Subtract(), lambda both: both[0] + both[1]])([x, y])
    )


def _joined(x, rng):
    return L.Concatenate()([_conv(x, rng, padding="same"), rng.choice([L.ReLU(), L.Dropout(0.5)])(x)])


def _depthwise(x, rng):
    options = {"depth_multiplier": int(rng.integers(1, 3)), "use_bias": bool(rng.integers(2))}
    return L.ReLU()(L.BatchNormalization()(L.DepthwiseConv2D(3, padding="same", **options)(x)))


def _padded(x, rng):
    return L.Conv2D(5, 3, use_bias=bool(rng.integers(2)))(L.ZeroPadding2D()(L.ReLU()(x)))


def _pooled(x, rng):
    return rng.choice([L.MaxPooling2D(2, padding="same"), L.AveragePooling2D(2, padding="same"), L.UpSampling2D()])(x)


def _gated(x, rng):
    gate = L.Dense(x.shape[-1], activation="sigmoid")(L.Dense(4, activation="relu")(L.GlobalAveragePooling2D()(x)))
    return L.Multiply()([x, L.Reshape((1, 1, x.shape[-1]))(gate)])


def _shared(x, rng):
    layer = L.Conv2D(x.shape[-1], 3, padding="same", activation="relu", use_bias=bool(rng.integers(2)))
    return L.Add()([layer(layer(x)), x]) if rng.integers(2) else layer(L.ReLU()(layer(x)))


def _unknown(x, rng):
    return rng.choice([L.LayerNormalization(), L.SeparableConv2D(6, 3, padding="same"), L.Lambda(lambda x: x * 2.0)])(x)


def _nested(x, rng):
    inputs = keras.Input(x.shape[1:])
    return keras.Model(inputs, _residual(_plain(inputs, rng), rng))(x)


def _end(x, rng):
    ends = [L.Flatten(), L.GlobalAveragePooling2D(), L.GlobalMaxPooling2D()]
    return rng.choice(ends)(L.ReLU()(x))


BLOCKS = (_plain, _plain, _residual, _joined, _depthwise, _padded, _pooled, _gated, _shared, _unknown, _nested)
