"""Which convolutions get a ghost skip, what it reads, and where it goes in."""

import tensorflow as tf
import tf_keras as keras

from tfsparse.surgery import operation

_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)


def chosen(surgery):
    """The convolutions that get a ghost: (call of the convolution, Ref of the ghost's input, call it comes after)."""
    for call in _candidates(surgery):
        source = _source(surgery, call)
        if _sizes_match(source, call) and surgery.trains(call):
            yield call, source, _place(surgery, call)


def _candidates(surgery):
    convolutions = list(_convolutions(surgery))
    if not any(_is_sum(call) for call in surgery.calls):
        return [call for call, _ in convolutions]
    inside = [call for call, stem in convolutions if not stem]
    larger = [call for call in inside if max(call.layer.kernel_size) > 1]
    # Gates (squeeze and excite) and classifiers of 1x1 convolutions have no norm.
    return larger or [call for call in inside if _place(surgery, call) is not call]


def _convolutions(surgery):
    """Pairs of a call of a convolution that a ghost may go around, and whether it is the stem."""
    behind = set()  # Refs that come after a convolution
    for call in surgery.calls:
        stem = not any(ref in behind for ref in call.inputs)
        convolution = isinstance(call.layer, _CONVOLUTIONS) and not isinstance(call.layer, keras.layers.Conv2DTranspose)
        if convolution or not stem:
            behind.update(tf.nest.flatten(call.outputs))
        if (
            convolution
            and call.layer.data_format == "channels_last"
            and _is_linear(call)
            and not _is_depthwise(call.layer)
        ):
            yield call, stem


def _is_linear(call):
    """Whether a ghost would come before the activation: a fused ReLU is a call of its own, others stay in the layer."""
    return call.changes.get("activation", call.layer.activation) in ("linear", None, keras.activations.linear)


def _is_depthwise(layer):
    """Whether no filter reads more than one channel."""
    return isinstance(layer, keras.layers.DepthwiseConv2D) or (
        layer.groups > 1 and layer.groups == layer.input_spec.axes[-1]
    )


def _is_sum(call):
    added = isinstance(call.layer, keras.layers.Add) or operation(call) in ("math.add", "__operators__.add")
    return added and len(call.inputs) > 1


def _source(surgery, call):
    """What the ghost reads: the convolution's input, before explicit padding."""
    (ref,) = call.inputs
    before = surgery.producer(ref)
    return before.inputs[0] if before is not None and isinstance(before.layer, keras.layers.ZeroPadding2D) else ref


def _place(surgery, call):
    """The call after which the ghost is added: the normalisation if it alone reads the convolution, else the convolution."""
    readers = surgery.consumers(call.outputs)
    normalised = len(readers) == 1 and isinstance(readers[0].layer, keras.layers.BatchNormalization)
    return readers[0] if normalised else call


def _sizes_match(source, call):
    out = call.outputs.shape[1:3]
    made = [None if n is None else -(-n // s) for n, s in zip(source.shape[1:3], call.layer.strides, strict=True)]
    padded = call.layer.padding == "same" or source is not call.inputs[0]
    return all(m == o if m is not None and o is not None else padded for m, o in zip(made, out, strict=True))
