"""At how many places of its inputs each kernel is used."""

import contextlib
import math

import tensorflow as tf
import tf_keras as keras

from tfsparse import paths
from tfsparse.frozen import frozen

_TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)


def places(model, kernels, example):
    """path -> how often each weight of a kernel is used for one example: the places of the map that a convolution writes,
    of the one that a transposed convolution reads, 1 for a dense layer on a vector; all calls of a shared layer together.

    Args:
        model: built model of any kind; run once, left as it is.
        kernels: paths.
        example: input of one example.
    """
    owners = {path: owner for path, _, owner in paths.owned_weights(model) if path in kernels}
    counts = {id(owner): 0 for owner in owners.values()}
    with contextlib.ExitStack() as stack:
        for owner in {id(owner): owner for owner in owners.values()}.values():
            stack.enter_context(_counted(owner, counts))
        with frozen(model) as forward:
            forward(example)
    return {path: counts[id(owner)] for path, owner in owners.items()}


@contextlib.contextmanager
def _counted(owner, counts):
    """Adds up the places of every call of one layer."""
    own, call = vars(owner), owner.call

    def counted(inputs, *args, **kwargs):
        outputs = call(inputs, *args, **kwargs)
        counts[id(owner)] += _places(owner, inputs, outputs)
        return outputs

    before = own.get("call")
    own["call"] = counted
    try:
        yield
    finally:
        del own["call"]
        if before is not None:
            own["call"] = before


def _places(owner, inputs, outputs):
    written = inputs if isinstance(owner, _TRANSPOSED) else outputs
    shape = tf.nest.flatten(written)[0].shape[1:]
    channels_first = getattr(owner, "data_format", None) == "channels_first"
    return math.prod(shape[1:] if channels_first else shape[:-1])
