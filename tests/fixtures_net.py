"""Keras nets assembled from the reference fixtures (`shared/fixtures/README.md` says what they hold)."""

import json
import pathlib

import numpy as np
import tf_keras as keras

SHARED = pathlib.Path(__file__).resolve().parents[2] / "shared" / "fixtures"
DATA = pathlib.Path(__file__).resolve().parent / "data"

_TO_KERAS = {4: (2, 3, 1, 0), 2: (1, 0)}  # OIHW -> HWIO, (out, in) -> (in, out)


def to_keras(array):
    """A weight, score or mask array of the reference in the layout of Keras."""
    return array.transpose(_TO_KERAS[array.ndim]) if array.ndim in _TO_KERAS else array


def load(name, folder=SHARED):
    """The arrays of a fixture file, and its meta record."""
    with np.load(folder / f"{name}.npz") as file:
        arrays = {key: file[key] for key in file.files}
    return arrays, json.loads(str(arrays.pop("meta")))


def images(batches, folder=SHARED):
    """The images (NHWC) and labels of the batches with these numbers, one after another."""
    with np.load(folder / "batches.npz") as file:
        x, y = file["images"][list(batches)], file["labels"][list(batches)]
    return x.reshape(-1, *x.shape[2:]).transpose(0, 2, 3, 1).astype("float32"), y.reshape(-1)


def build(meta, arrays, prefix="param"):
    """Assembles the net of `meta["graph"]` and loads `arrays["<prefix>/..."]` into it.

    Returns:
        (model, mapping): images NHWC to logits; the mapping leads from the reference's layer name to the weight's path.
    """
    x = keras.Input(_input_shape(meta), name="images")
    tensors, names = {"x": x}, {}
    for op in meta["graph"]:
        inputs = [tensors[name] for name in op["in"]]
        if "name" in op and op["op"] in ("conv", "bn", "linear"):
            names[op["name"]] = op["name"].replace(".", "/")
        tensors[op["out"]] = _OPS[op["op"]](op, arrays, prefix, *inputs)
    model = keras.Model(x, tensors[meta["graph"][-1]["out"]], name=meta.get("net", "fixture"))
    _load_weights(model, names, arrays, prefix)
    kinds = {op["name"]: op["op"] for op in meta["graph"] if "name" in op}
    return model, {name: f"{path}/kernel" for name, path in names.items() if kinds[name] != "bn"}


def _input_shape(meta):
    return (meta.get("image_size", 32), meta.get("image_size", 32), 3)


def _load_weights(model, names, arrays, prefix):
    for name, path in names.items():
        layer = model.get_layer(path)
        local = ("weight", "bias", "running_mean", "running_var")
        given = [arrays[f"{prefix}/{name}.{part}"] for part in local if f"{prefix}/{name}.{part}" in arrays]
        layer.set_weights([to_keras(array) for array in given])


def _conv(op, arrays, prefix, x):
    kernel = arrays[f"{prefix}/{op['name']}.weight"]
    if op["pad"]:
        x = keras.layers.ZeroPadding2D(op["pad"])(x)
    name, bias = op["name"].replace(".", "/"), op["bias"]
    layer = keras.layers.Conv2D(kernel.shape[0], kernel.shape[2:], op["stride"], "valid", use_bias=bias, name=name)
    return layer(x)


def _linear(op, arrays, prefix, x):
    units = arrays[f"{prefix}/{op['name']}.weight"].shape[0]
    return keras.layers.Dense(units, use_bias=op["bias"], name=op["name"].replace(".", "/"))(x)


def _bn(op, arrays, prefix, x):
    name = op["name"].replace(".", "/")
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=op["eps"], name=name)(x)


def _flatten_chw(op, arrays, prefix, x):
    return keras.layers.Flatten()(keras.layers.Permute((3, 1, 2))(x) if len(x.shape) == 4 else x)


_OPS = {
    "conv": _conv,
    "linear": _linear,
    "bn": _bn,
    "flatten_chw": _flatten_chw,
    "relu": lambda op, arrays, prefix, x: keras.layers.ReLU()(x),
    "maxpool": lambda op, arrays, prefix, x: keras.layers.MaxPooling2D(op["size"], op["stride"])(x),
    "avgpool": lambda op, arrays, prefix, x: keras.layers.AveragePooling2D(op["size"], op["stride"])(x),
    "avgpool_global": lambda op, arrays, prefix, x: keras.layers.GlobalAveragePooling2D(keepdims=True)(x),
    "add": lambda op, arrays, prefix, *x: keras.layers.Add()(list(x)),
    "channel_scale": lambda op, arrays, prefix, x: x,  # all ones, never trained
}
