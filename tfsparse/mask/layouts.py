"""How PyTorch lays out the kernels of a Keras model."""

import dataclasses
import math

import numpy as np
import tf_keras as keras

from tfsparse import paths
from tfsparse.mask.prunable import prunable

_PASSES_ON = (keras.layers.Dropout, keras.layers.Activation, keras.layers.ReLU, keras.layers.BatchNormalization)


@dataclasses.dataclass(frozen=True)
class Layout:
    """The layout of one kernel: convolutions (places ..., in, out) there and (out, in, places ...) here, dense kernels
    (in, out) and (out, in), depthwise ones (places ..., channels, multiplier) and (channels * multiplier, 1, places ...).

    Args:
        shape: in Keras.
        depthwise: whether it is a depthwise kernel.
        image: (height, width, channels) that were flattened before a dense kernel: PyTorch flattens (channels, height, width).

    >>> Layout((3, 3, 8, 16)).torch_shape
    (16, 8, 3, 3)
    """

    shape: tuple
    depthwise: bool = False
    image: tuple | None = None

    @property
    def torch_shape(self):
        *places, before, after = self.shape
        return (before * after, 1, *places) if self.depthwise else (after, before, *places)

    def to_torch(self, array):
        """A Keras array in PyTorch's layout."""
        if self.image:
            array = array.reshape(*self.image, -1).transpose(2, 0, 1, 3).reshape(self.shape)
        last = array.ndim - 1
        axes = (last - 1, last) if self.depthwise else (last, last - 1)
        return np.ascontiguousarray(array.transpose(*axes, *range(last - 1)).reshape(self.torch_shape))

    def from_torch(self, array):
        """A PyTorch array in Keras' layout."""
        *places, before, after = self.shape
        rows = array.reshape(*((before, after) if self.depthwise else (after, before)), *places)
        axes = (0, 1) if self.depthwise else (1, 0)
        array = rows.transpose(*range(2, rows.ndim), *axes)
        if self.image:
            height, width, channels = self.image
            array = array.reshape(channels, height, width, -1).transpose(1, 2, 0, 3).reshape(self.shape)
        return np.ascontiguousarray(array)


def layouts(model):
    """path -> `Layout` of every prunable weight of `model`."""
    owners = {path: owner for path, _, owner in paths.owned_weights(model)}
    return {
        path: Layout(
            tuple(variable.shape),
            path.rsplit("/", 1)[-1].startswith("depthwise"),
            _flattened(owners[path]) if len(variable.shape) == 2 else None,
        )
        for path, variable in prunable(model).items()
    }


def _flattened(layer):
    """The shape of the image that was flattened on the way to `layer`, if it was one of channels last, and not one pixel."""
    before = _source(layer)
    while isinstance(before, _PASSES_ON):
        before = _source(before)
    if not isinstance(before, keras.layers.Flatten) or len(before.input_shape) != 4:
        return None
    shape = before.input_shape[1:]
    turned = isinstance(_source(before), keras.layers.Permute) and _source(before).dims == (3, 1, 2)
    return None if turned or None in shape or math.prod(shape[:2]) == 1 else shape


def _source(layer):
    """The layer that feeds `layer`, if that is one, called once; else None."""
    nodes = getattr(layer, "inbound_nodes", [])
    return (
        nodes[0].inbound_layers if len(nodes) == 1 and isinstance(nodes[0].inbound_layers, keras.layers.Layer) else None
    )
