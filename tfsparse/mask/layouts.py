"""How PyTorch lays out the kernels of a Keras model."""

import dataclasses

import numpy as np
import tf_keras as keras

from tfsparse import paths
from tfsparse.mask.flattened import UNSEEN, flattened_images
from tfsparse.mask.prunable import prunable


@dataclasses.dataclass(frozen=True)
class Layout:
    """The layout of one kernel.

    - convolution: (places ..., in, out) in Keras, (out, in, places ...) in PyTorch; the same for grouped ones
    - transposed convolution: (places ..., out, in) and (in, out, places ...)
    - depthwise: (places ..., channels, multiplier) and (channels * multiplier, 1, places ...)
    - dense: (in, out) and (out, in)

    Args:
        shape: in Keras.
        kind: "kernel", "depthwise", or "same" where PyTorch has no such layer (`EinsumDense`).
        image: (height, width, channels) of an image that a dense kernel reads flattened; PyTorch has (channels, height, width).
        unseen: True if it is not known whether a dense kernel reads a flattened image.

    >>> Layout((3, 3, 8, 16)).torch_shape
    (16, 8, 3, 3)
    """

    shape: tuple
    kind: str = "kernel"
    image: tuple | None = None
    unseen: bool = False

    @property
    def torch_shape(self):
        """The shape in PyTorch."""
        *places, before, after = self.shape
        return {
            "kernel": (after, before, *places),
            "depthwise": (before * after, 1, *places),
            "same": self.shape,
        }[self.kind]

    @property
    def how(self):
        """What `from_torch` does, in words."""
        if self.kind == "same":
            return "as it is"
        return "transposed, inputs reordered after Flatten" if self.image else "transposed"

    def to_torch(self, array):
        """A Keras array in PyTorch's layout."""
        if self.kind == "same":
            return array
        if self.image:
            last = len(self.image) - 1
            array = array.reshape(*self.image, -1).transpose(last, *range(last), last + 1).reshape(self.shape)
        last = array.ndim - 1
        axes = (last - 1, last) if self.kind == "depthwise" else (last, last - 1)
        return np.ascontiguousarray(array.transpose(*axes, *range(last - 1)).reshape(self.torch_shape))

    def from_torch(self, array):
        """A PyTorch array in Keras' layout."""
        if self.kind == "same":
            return array
        *places, before, after = self.shape
        depthwise = self.kind == "depthwise"
        rows = array.reshape(*((before, after) if depthwise else (after, before)), *places)
        array = rows.transpose(*range(2, rows.ndim), *((0, 1) if depthwise else (1, 0)))
        if self.image:
            *places, channels = self.image
            last = len(places)
            array = array.reshape(channels, *places, -1).transpose(*range(1, last + 1), 0, last + 1).reshape(self.shape)
        return np.ascontiguousarray(array)


def layouts(model):
    """path -> `Layout` of every prunable weight of `model`.

    >>> layouts(keras.Sequential([keras.layers.Dense(2, input_shape=(3,), name="head")]))
    {'head/kernel': Layout(shape=(3, 2), kind='kernel', image=None, unseen=False)}
    """
    owners = {path: owner for path, _, owner in paths.owned_weights(model)}
    images = flattened_images(model)
    found = {}
    for path, variable in prunable(model).items():
        image = images.get(id(owners[path]))
        unseen = image == UNSEEN
        found[path] = Layout(tuple(variable.shape), _kind(path, owners[path]), None if unseen else image, unseen)
    return found


def _kind(path, owner):
    if isinstance(owner, keras.layers.EinsumDense):
        return "same"
    return "depthwise" if path.rsplit("/", 1)[-1].startswith("depthwise") else "kernel"
