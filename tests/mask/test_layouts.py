"""Kernels of PyTorch compute the same here, once they are turned: checked against its definitions, written out."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.mask.nets import every_kind, of_sequences
from tfsparse.mask import Mask, export_mask, import_mask
from tfsparse.mask.flattened import flattened_images
from tfsparse.mask.layouts import layouts

layers = keras.layers


def torch_conv(x, w, groups=1):
    """x (in, height, width), w (out, in / groups, rows, columns)."""
    rows, columns = w.shape[2:]
    y = np.zeros((len(w), x.shape[1] - rows + 1, x.shape[2] - columns + 1))
    for out in range(len(w)):
        first = out // (len(w) // groups) * w.shape[1]
        for i, j in np.ndindex(y.shape[1:]):
            y[out, i, j] = (x[first : first + w.shape[1], i : i + rows, j : j + columns] * w[out]).sum()
    return y


def torch_conv_transpose(x, w):
    """w (in, out, rows, columns)."""
    rows, columns = w.shape[2:]
    y = np.zeros((w.shape[1], x.shape[1] + rows - 1, x.shape[2] + columns - 1))
    for i, j in np.ndindex(x.shape[1:]):
        y[:, i : i + rows, j : j + columns] += np.einsum("c,cohw->ohw", x[:, i, j], w)
    return y


@pytest.mark.parametrize(
    ("layer", "shape", "definition"),
    [
        (layers.Conv2D(6, (3, 2)), (6, 4, 3, 2), torch_conv),
        (layers.Conv2DTranspose(6, (3, 2)), (4, 6, 3, 2), torch_conv_transpose),
        (layers.DepthwiseConv2D((3, 2), depth_multiplier=3), (12, 1, 3, 2), lambda x, w: torch_conv(x, w, groups=4)),
        (layers.Conv2D(6, (1, 1)), (6, 4, 1, 1), torch_conv),
    ],
    ids=lambda value: type(value).__name__,
)
def test_convolutions(layer, shape, definition):
    model = keras.Sequential([keras.Input((5, 6, 4)), layer])
    (layout,) = layouts(model).values()
    random = np.random.default_rng(0)
    theirs, image = random.normal(size=shape), random.normal(size=(4, 5, 6))
    assert layout.torch_shape == shape
    layer.set_weights([layout.from_torch(theirs), *layer.get_weights()[1:]])
    ours = model(image.transpose(1, 2, 0)[None].astype("float32"))[0].numpy().transpose(2, 0, 1)
    np.testing.assert_allclose(ours, definition(image, theirs), atol=1e-5)


def test_groups():
    """No CPU kernel computes these: the layout is that of convolutions, with the inputs of one group."""
    layer = layers.Conv2D(6, (3, 2), groups=2, input_shape=(5, 6, 4))
    assert layouts(keras.Sequential([layer]))[f"{layer.name}/kernel"].torch_shape == (6, 2, 3, 2)


def flat(*before, shape=(2, 3, 4)):
    """A dense layer on flattened images of a shape, after other layers."""
    return keras.Sequential([keras.Input(shape), *before, layers.Dense(5, name="head")])


def nested():
    inner = keras.Sequential([keras.Input((2, 3, 4)), layers.Flatten()], name="inner")
    inputs = keras.Input((2, 3, 4))
    return keras.Model(inputs, layers.Dense(5, name="head")(layers.Dropout(0.5)(inner(inputs))))


def used_elsewhere():
    """Its dense layer has a second caller, in another model."""
    model = flat(layers.Flatten())
    keras.Model(given := keras.Input((24,)), model.get_layer("head")(given))
    return model


REORDERED = {
    "flatten": lambda: flat(layers.Flatten()),
    "through others": lambda: flat(layers.Flatten(), layers.BatchNormalization(), layers.ReLU(), layers.Dropout(0.5)),
    "reshape": lambda: flat(layers.Reshape((-1,))),
    "nested": nested,
    "used elsewhere": used_elsewhere,
}


@pytest.mark.parametrize("name", REORDERED)
def test_a_dense_layer_after_flatten_sees_channels_first_in_pytorch(name):
    """The same function of the same image, flattened (C, H, W) there and (H, W, C) here."""
    model, random = REORDERED[name](), np.random.default_rng(0)
    theirs, image = random.normal(size=(5, 24)), random.normal(size=(2, 3, 4)).astype("float32")
    layout = layouts(model)["head/kernel"]
    model.get_layer("head").set_weights([layout.from_torch(theirs), np.zeros(5)])
    scale = np.sqrt(1.001) if name == "through others" else 1.0
    wanted = theirs @ (np.maximum(image, 0) if name == "through others" else image).transpose(2, 0, 1).ravel() / scale
    np.testing.assert_allclose(model(image[None])[0], wanted, atol=1e-5)
    np.testing.assert_array_equal(layout.to_torch(layout.from_torch(theirs)), theirs)


@pytest.mark.parametrize(
    ("flatten", "image"),
    [({}, None), ({"data_format": "channels_first"}, (4, 5, 3))],
)
def test_channels_that_come_first(flatten, image):
    """Keras' Flatten leaves them there, as PyTorch does, unless it is told of them."""
    conv = layers.Conv2D(3, 2, data_format="channels_first")
    model = flat(conv, layers.ReLU(), layers.Flatten(**flatten), shape=(2, 5, 6))
    assert layouts(model)["head/kernel"].image == image and not layouts(model)["head/kernel"].unseen
    inputs = keras.Input((2, 5, 6))
    parts = [layers.Conv2D(n, 2, data_format="channels_first")(inputs) for n in (1, 2)]
    x = layers.Flatten(**flatten)(layers.Concatenate(axis=1)(parts))
    assert layouts(keras.Model(inputs, layers.Dense(5, name="head")(x)))["head/kernel"].image == image


def concatenated():
    inputs = keras.Input((2, 3, 4))
    parts = [layers.Flatten()(layers.ReLU()(inputs)) for _ in range(2)]
    return keras.Model(inputs, layers.Dense(5, name="head")(layers.Concatenate()(parts)))


def reshaped():
    inputs = keras.Input((2, 3, 4))
    return keras.Model(inputs, layers.Dense(5, name="head")(tf.reshape(inputs, (-1, 24))))


class Hidden(keras.Model):
    """Its graph is not seen; dense layers that read what a layer writes are clear all the same."""

    def __init__(self, pool, conv):
        super().__init__()
        self.conv, self.pool = conv or layers.Conv2D(4, 1, name="conv"), pool or layers.Flatten()
        self.head, self.last = layers.Dense(5, name="head"), layers.Dense(2, name="last")

    def call(self, images):
        return self.last(self.head(self.pool(self.conv(images))))


def hidden(pool=None, conv=None):
    model = Hidden(pool, conv)
    model(np.zeros((1, 2, 3, 4), "float32"))
    return model


def test_tensors_of_any_rank_are_not_followed():
    inputs = keras.Input((2, 3, 4))
    loose = layers.Lambda(lambda x: tf.ensure_shape(tf.py_function(lambda y: y, [x], tf.float32), None))
    x = layers.Lambda(lambda x: tf.reshape(x, (-1, 24)))(loose(inputs))
    assert layouts(keras.Model(inputs, layers.Dense(5, name="head")(x)))["head/kernel"].image is None


class Numbered(layers.Layer):
    """Not every `kernel` is a weight."""

    kernel = 3


@pytest.mark.parametrize("build", [concatenated, reshaped, hidden, lambda: hidden(conv=layers.SeparableConv2D(4, 1))])
def test_what_is_not_seen_is_said(build, tmp_path, caplog):
    model = build()
    found = {path: layout.unseen for path, layout in layouts(model).items()}
    assert [path for path, unseen in found.items() if unseen] == ["head/kernel"]
    export_mask(Mask.ones(model), model, tmp_path / "theirs.npz")
    import_mask(tmp_path / "theirs.npz", model)
    assert caplog.text.count("not seen whether head/kernel read flattened images") == 2


@pytest.mark.parametrize(
    "build",
    [
        lambda: hidden(layers.GlobalAveragePooling2D()),
        lambda: hidden(layers.GlobalAveragePooling2D(), layers.Conv2DTranspose(7, 1)),
        lambda: hidden(keras.Sequential([Numbered(), layers.GlobalAveragePooling2D()]), layers.SeparableConv2D(7, 1)),
        lambda: flat(layers.GlobalAveragePooling2D(), layers.Reshape((1, 4)), layers.Flatten()),
        lambda: flat(layers.Flatten()),
    ],
)
def test_what_is_seen_is_not_warned_of(build):
    assert not any(layout.unseen for layout in layouts(build()).values())


@pytest.mark.parametrize(
    "model",
    [
        lambda: flat(layers.Permute((3, 1, 2)), layers.Flatten()),
        lambda: flat(layers.Permute((3, 1, 2)), layers.ReLU(), layers.Flatten()),
        lambda: flat(layers.GlobalAveragePooling2D()),
        lambda: flat(layers.Flatten(), shape=(1, 1, 4)),
        lambda: flat(layers.Flatten(), shape=(4, 4, 1)),
        lambda: flat(layers.Flatten(), shape=(28, 28)),
        lambda: flat(layers.Flatten(), layers.Dense(24)),
    ],
)
def test_other_dense_layers_keep_their_order(model):
    assert layouts(model())["head/kernel"].image is None


def test_sequences_count_where_there_are_convolutions_over_them():
    model = of_sequences()
    assert flattened_images(model) == {id(model.get_layer("head")): (8, 12)}
    assert layouts(model)["einsum/kernel"].torch_shape == (10, 2, 6)


def test_sequences_that_are_not_seen():
    """Flattened and concatenated; without convolutions over them they are in PyTorch's order."""
    for convolved in (True, False):
        x = inputs = keras.Input((8, 4))
        x = layers.Conv1D(4, 1)(x) if convolved else x
        x = layers.Concatenate()([layers.Flatten()(x), layers.Flatten()(layers.ReLU()(x))])
        assert layouts(keras.Model(inputs, layers.Dense(5, name="head")(x)))["head/kernel"].unseen is convolved


def test_layouts_are_their_own_inverse():
    for layout in layouts(every_kind()).values():
        array = np.arange(np.prod(layout.shape)).reshape(layout.shape)
        assert layout.to_torch(array).shape == layout.torch_shape
        np.testing.assert_array_equal(layout.from_torch(layout.to_torch(array)), array)
