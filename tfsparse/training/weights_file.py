"""A plain network's weights in one file: safetensors, by path."""

import json
import pathlib

import tensorflow as tf
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from tfsparse.files import written_aside


def arrays_of(weights):
    """The values of `weights` (path -> variable); for a variable with a copy per device, what the copies agree on."""
    return {name: tf.convert_to_tensor(variable).numpy() for name, variable in weights.items()}


def save_weights(path, arrays, **facts):
    """Writes `arrays` (path -> array) with `facts` about them that JSON can hold."""
    with written_aside(path) as scratch:
        scratch.write_bytes(save(arrays, metadata={name: json.dumps(value) for name, value in facts.items()}))


def read_facts(path):
    """The facts that `save_weights` wrote: a dict.

    Raises:
        ValueError: the file is damaged or of another kind.
    """
    try:
        with safe_open(path, "np") as file:
            return {name: json.loads(text) for name, text in (file.metadata() or {}).items()}
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: it is damaged ({error}).") from error


def load_weights(path, weights, remedy):
    """Sets `weights` (path -> variable) to what `save_weights` wrote; all of them, or none.

    Args:
        path: the file.
        weights: path -> variable.
        remedy: what to do about a file that cannot be read; ends the error message.

    Raises:
        ValueError: the file is damaged or of another model.
    """
    try:
        with safe_open(pathlib.Path(path), "np") as file:
            for name, variable in weights.items():  # checked before memory is taken
                shape = tuple(file.get_slice(name).get_shape())
                if shape != tuple(variable.shape):
                    raise ValueError(f"{name} is of shape {shape}, not {tuple(variable.shape)}")
            arrays = {name: file.get_tensor(name) for name in weights}
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: it is damaged or of another model ({error}). {remedy}") from error
    for name, variable in weights.items():
        variable.assign(arrays[name])
