"""Which axes of a kernel are its input and output channels."""

import tf_keras as keras

from tfsparse import paths

_TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)


def channel_axes(model):
    """The axes of the input and of the output channels of every weight of two or more axes: path -> (inputs, outputs).

    Both are tuples: the outputs of a depthwise kernel (height, width, channels, multiplier) are its last two axes.

    >>> model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,), name="head")])
    >>> channel_axes(model)
    {'head/kernel': ((0,), (1,))}
    """
    rows = {path: (variable, owner) for path, variable, owner in paths.owned_weights(model)}
    return {path: _axes(path, v.shape.rank, owner) for path, (v, owner) in rows.items() if v.shape.rank >= 2}


def _axes(path, rank, owner):
    if path.rsplit("/", 1)[-1].startswith("depthwise"):
        return (rank - 2,), (rank - 2, rank - 1)
    if isinstance(owner, _TRANSPOSED):
        return (rank - 1,), (rank - 2,)
    return (rank - 2,), (rank - 1,)
