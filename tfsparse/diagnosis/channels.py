"""At how many places one call uses a kernel."""

import math

import tf_keras as keras

from tfsparse.mask.axes import of_equation

_TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)


def places_of(owner, inputs, outputs):
    """How often one call uses each weight: at the places of the map that a convolution writes, of the one that a transposed
    convolution reads; once in a dense layer on a vector. Of layers inside `TimeDistributed` a call has all steps as a batch.

    Args:
        owner: the layer.
        inputs: tensor, of one example.
        outputs: tensor.
    """
    if isinstance(owner, keras.layers.EinsumDense):
        _, written = of_equation(owner.equation)
        return math.prod(outputs.shape) // math.prod(owner.kernel.shape[axis] for axis in written)
    shape = (inputs if isinstance(owner, _TRANSPOSED) else outputs).shape
    channels_first = getattr(owner, "data_format", None) == "channels_first"
    return math.prod([shape[0], *shape[2:]] if channels_first else shape[:-1])
