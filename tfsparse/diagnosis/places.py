"""At how many places of its inputs each kernel is used."""

import contextlib
import math

import tensorflow as tf
import tf_keras as keras

from tfsparse.frozen import frozen
from tfsparse.mask.axes import TRANSPOSED, of_equation


def places(model, owners, example):
    """path -> how often each weight of a kernel is used for one example, all calls of a shared layer together.

    Args:
        model: built model of any kind; run once, left as it is.
        owners: path -> the layer that made the weight.
        example: input of one example.
    """
    counts = {id(owner): 0 for owner in owners.values()}
    with contextlib.ExitStack() as stack:
        for owner in {id(owner): owner for owner in owners.values()}.values():
            stack.enter_context(_counted(owner, counts))
        stack.enter_context(_eager())
        with frozen(model) as forward:
            forward(example)
    return {path: counts[id(owner)] for path, owner in owners.items()}


@contextlib.contextmanager
def _eager():
    """Runs the Python of every `tf.function`: one traced before would bypass the layers' calls."""
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


@contextlib.contextmanager
def _counted(owner, counts):
    """Adds up the places of every call of one layer."""
    own, call = vars(owner), owner.call

    def counted(inputs, *args, **kwargs):
        outputs = call(inputs, *args, **kwargs)
        counts[id(owner)] += _places_of(owner, tf.nest.flatten(inputs)[0], tf.nest.flatten(outputs)[0])
        return outputs

    before = own.get("call")
    own["call"] = counted
    try:
        yield
    finally:
        del own["call"]
        if before is not None:
            own["call"] = before


def _places_of(owner, inputs, outputs):
    """How often one call uses each weight: once for each place of the map that a convolution writes or a transposed convolution
    reads; once in a dense layer on a vector. For layers inside `TimeDistributed`, one call has all steps as a batch.

    Args:
        owner: the layer.
        inputs: tensor, of one example.
        outputs: tensor.
    """
    if isinstance(owner, keras.layers.EinsumDense):
        _, written = of_equation(owner.equation)
        return math.prod(outputs.shape) // math.prod(owner.kernel.shape[axis] for axis in written)
    shape = (inputs if isinstance(owner, TRANSPOSED) else outputs).shape
    channels_first = getattr(owner, "data_format", None) == "channels_first"
    return math.prod([shape[0], *shape[2:]] if channels_first else shape[:-1])
