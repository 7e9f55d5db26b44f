"""Which axes of a kernel are its input and output channels."""

import tf_keras as keras

from tfsparse import paths

TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)


def channel_axes(model):
    """The axes of the input and of the output channels of every weight of two or more axes: path -> (inputs, outputs).

    Both are tuples: the outputs of a depthwise kernel (height, width, channels, multiplier) are its last two axes; those of an
    attention's query (`EinsumDense`, read from its equation) are the heads and their channels.

    >>> model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,), name="head")])
    >>> channel_axes(model)
    {'head/kernel': ((0,), (1,))}
    """
    rows = {path: (variable, owner) for path, variable, owner in paths.owned_weights(model)}
    return {path: _axes(path, v.shape.rank, owner) for path, (v, owner) in rows.items() if v.shape.rank >= 2}


def _axes(path, rank, owner):
    if isinstance(owner, keras.layers.EinsumDense):
        return of_equation(owner.equation)
    if path.rsplit("/", 1)[-1].startswith("depthwise"):
        return (rank - 2,), (rank - 2, rank - 1)
    if isinstance(owner, TRANSPOSED):
        return (rank - 1,), (rank - 2,)
    return (rank - 2,), (rank - 1,)


def of_equation(equation):
    """Axes of the kernel in the equation of an `EinsumDense`: those shared with the inputs, those shared with the outputs.

    >>> of_equation("abc,cde->abde")
    ((0,), (1, 2))
    """
    given, outputs = equation.replace(" ", "").split("->")
    inputs, kernel = given.split(",")
    return tuple(tuple(axis for axis, letter in enumerate(kernel) if letter in side) for side in (inputs, outputs))
