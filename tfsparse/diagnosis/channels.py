"""Which axes of a kernel are its channels, and at how many places one call uses it."""

import math

import tf_keras as keras

from tfsparse.mask import axes

_TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)


def channel_axes(model, owners):
    """As `tfsparse.mask.axes.channel_axes`, and after their equation those of `EinsumDense`, attention's projections.

    Args:
        model: built model.
        owners: path -> the layer that made the weight.

    Returns:
        path -> (axes of the input channels, axes of the output channels)
    """
    known = axes.channel_axes(model)
    return {path: _of_equation(owner) or known[path] for path, owner in owners.items()}


def places_of(owner, inputs, outputs):
    """How often one call uses each weight: at the places of the map that a convolution writes, of the one that a transposed
    convolution reads; once in a dense layer on a vector.

    Args:
        owner: the layer.
        inputs: tensor, a batch of one.
        outputs: tensor.
    """
    if isinstance(owner, keras.layers.EinsumDense):
        _, written = _of_equation(owner)
        return math.prod(outputs.shape[1:]) // math.prod(owner.kernel.shape[axis] for axis in written)
    shape = (inputs if isinstance(owner, _TRANSPOSED) else outputs).shape[1:]
    channels_first = getattr(owner, "data_format", None) == "channels_first"
    return math.prod(shape[1:] if channels_first else shape[:-1])


def _of_equation(owner):
    """Axes of the kernel in `abc,cde->abde`: those that the inputs have, those that the outputs have."""
    if not isinstance(owner, keras.layers.EinsumDense):
        return None
    given, outputs = owner.equation.replace(" ", "").split("->")
    inputs, kernel = given.split(",")
    return tuple(tuple(axis for axis, letter in enumerate(kernel) if letter in side) for side in (inputs, outputs))
