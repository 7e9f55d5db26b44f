"""Which live weights lie on a path from the inputs to the outputs."""

import tensorflow as tf

from tfsparse import paths
from tfsparse.diagnosis.follow import NOTHING, follow
from tfsparse.frozen import kept_random_state
from tfsparse.mask.prunable import prunable
from tfsparse.positive import positive

_ADDED = ("bias", "beta", "moving_mean")


def reach(model, mask, input_shape=None):
    """The live weights on a path, exactly: places, strides and padding are taken into account.

    Runs a pair of examples, one with inputs and one without, through a copy of the model whose kernels are the mask itself,
    with nothing added on the way; what differs between the two depends on the inputs (see `follow`). A weight is on a path if
    it lives, something reaches it, and the outputs depend on what it writes, that is if its gradient is not 0.

    (In float64: oneDNN's float32 gradients of 1x1 convolutions with strides write outside their memory for some shapes, such as
    1 image of 32 x 32 with 8 to 16 channels. TensorFlow 2.21 then ends with "double free or corruption".)

    Args:
        model: built functional or Sequential model; left as it is.
        mask: `Mask`.
        input_shape: of one example; None: the model's own.

    Returns:
        (path -> boolean array of the weights on a path, whether the outputs depend on the inputs at all)

    Raises:
        ValueError: a layer cannot be copied.
    """
    with kept_random_state():  # the copy's layers draw initial weights
        copy = positive(model)
    kernels = prunable(copy)
    for path, variable in paths.weights(copy).items():
        if variable.dtype.is_floating:
            variable.assign(_value(path, variable, mask))
    follow(copy, kernels)
    watched = [kernels[path] for path in mask]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(watched)
        outputs = copy(_pair(copy, input_shape), training=False)
        changes = [tf.subtract(*tf.split(output, 2)) for output in tf.nest.flatten(outputs) if output.dtype.is_floating]
        total = tf.add_n([tf.reduce_sum(change * _drawn(change.shape, place)) for place, change in enumerate(changes)])
    slopes = tape.gradient(total, watched, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    if not all(bool(tf.reduce_all(tf.math.is_finite(part))) for part in [*changes, *slopes]):
        raise ValueError("something in the network divides by what may be 0: nothing can be followed through it")
    reached = {path: mask[path] & (abs(slope.numpy()) > NOTHING) for path, slope in zip(mask, slopes, strict=True)}
    return reached, any(bool(tf.reduce_any(tf.abs(change) > NOTHING)) for change in changes)


def _value(path, variable, mask):
    """The value of a weight in the copy: for masked kernels their mask; other weights pass on what comes, unscaled."""
    if path in mask:
        return mask[path].astype("float64")
    if path.rsplit("/", 1)[-1] in _ADDED:
        return tf.zeros_like(variable)
    rows = variable.shape[:-1].num_elements() if variable.shape.rank > 1 else 1
    return tf.ones_like(variable) / rows  # sums of many inputs would saturate the gates of recurrent layers


def _pair(copy, input_shape):
    """Two examples for each input: something, and nothing."""
    shapes = [tuple(input_shape)] if input_shape else [tuple(tensor.shape[1:]) for tensor in copy.inputs]
    examples = []
    for place, (tensor, shape) in enumerate(zip(copy.inputs, shapes, strict=True)):
        something = _drawn((1, *shape), -1 - place) if tensor.dtype.is_floating else tf.ones((1, *shape), tensor.dtype)
        examples.append(tf.concat([something, tf.zeros_like(something)], 0))
    return examples if len(examples) > 1 else examples[0]


def _drawn(shape, seed):
    return tf.random.stateless_uniform(shape, (seed, 0), 0.5, 1.5, tf.float64)
