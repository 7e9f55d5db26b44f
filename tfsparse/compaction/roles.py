"""What a call does with channels, the last axis of its tensors."""

import tensorflow as tf
import tf_keras as keras

from tfsparse.surgery import Ref, operation

_L = keras.layers
_MIXING = (_L.Conv1D, _L.Conv2D, _L.Conv3D, _L.Dense)
_DEPTHWISE = (_L.DepthwiseConv1D, _L.DepthwiseConv2D)
_SAME = (
    _L.MaxPooling1D,
    _L.MaxPooling2D,
    _L.MaxPooling3D,
    _L.AveragePooling1D,
    _L.AveragePooling2D,
    _L.AveragePooling3D,
)
_SAME += (_L.GlobalAveragePooling1D, _L.GlobalAveragePooling2D, _L.GlobalAveragePooling3D)
_SAME += (_L.GlobalMaxPooling1D, _L.GlobalMaxPooling2D, _L.GlobalMaxPooling3D)
_SAME += (_L.Cropping1D, _L.Cropping2D, _L.Cropping3D, _L.UpSampling1D, _L.UpSampling2D, _L.UpSampling3D)
_PADDING = (_L.ZeroPadding1D, _L.ZeroPadding2D, _L.ZeroPadding3D)
_NOISE = (_L.Dropout, _L.SpatialDropout1D, _L.SpatialDropout2D, _L.SpatialDropout3D)
_MERGES = {_L.Add: "add", _L.Subtract: "subtract", _L.Average: "average", _L.Multiply: "multiply"}
_MERGES |= {_L.Maximum: "maximum", _L.Minimum: "minimum"}
_MERGING = {"math.add": "add", "__operators__.add": "add", "math.multiply": "multiply", "__operators__.mul": "multiply"}
_FUNCTIONS = {"nn.relu": tf.nn.relu, "nn.relu6": tf.nn.relu6, "nn.silu": tf.nn.silu, "math.sigmoid": tf.sigmoid}
_K = keras.activations
_ELEMENTWISE = (_K.linear, _K.relu, tf.nn.relu, tf.nn.relu6, _K.sigmoid, tf.nn.sigmoid, _K.tanh, tf.nn.tanh, _K.swish)
_ELEMENTWISE += (tf.nn.silu, _K.gelu, _K.elu, _K.selu, _K.softplus, _K.softsign, _K.hard_sigmoid, _K.mish)

OTHER = "other"
_OF_SEVERAL = ("concatenate", *_MERGES.values())


def role(call):
    """`"mixing"`, `"depthwise"`, `"norm"`, `"same"`, `"padding"`, `"noise"`, `"flatten"`, `"concatenate"`, `"activation"`, the
    name of a merge, or `OTHER`: nothing is known of it.

    Layers are known by their exact class: a derived one may do anything.
    """
    found = _role(call)
    refs = [*call.inputs, *tf.nest.flatten(call.outputs)]
    known = all(len(ref.shape) >= 2 and ref.shape[-1] is not None for ref in refs)
    if len(call.inputs) > 1 and found not in _OF_SEVERAL:  # the second is a mask: steps, not channels
        return OTHER
    if found in ("norm", "noise") and _training(call):
        return OTHER
    last = getattr(call.layer, "data_format", None) != "channels_first"
    return found if known and last and len(tf.nest.flatten(call.outputs)) == 1 and call.inputs else OTHER


def function(call):
    """What an `"activation"` does to each number; for a layer with an activation of its own, what it does last."""
    if type(call.layer) in (_L.ReLU, _L.LeakyReLU, _L.ELU):
        return call.layer.call
    own = call.changes.get("activation", getattr(call.layer, "activation", None))
    return _FUNCTIONS.get(operation(call)) or keras.activations.get(own)


def of_all_outputs(call):
    """Whether each output of a `"mixing"` layer may depend on all that its kernel gives: after a softmax, or after an
    activation of which nothing is known."""
    return type(call.layer) in _MIXING and function(call) not in _ELEMENTWISE


def _role(call):
    layer, kind = call.layer, type(call.layer)
    width = {ref.shape[-1:] for ref in call.inputs}
    if kind in (*_DEPTHWISE, _L.Activation) and function(call) not in _ELEMENTWISE:
        return OTHER
    if kind in _MIXING and getattr(function(call), "weights", None):  # those are as wide as its outputs
        return OTHER
    if kind in _MIXING and getattr(layer, "groups", 1) == 1 and len(call.inputs) == 1:
        return "mixing"
    if kind is _L.BatchNormalization:
        return "norm" if list(layer.axis) == [len(call.inputs[0].shape) - 1] and not layer.renorm else OTHER
    if kind in (_L.Concatenate, *_MERGES) and any(tf.is_tensor(leaf) for leaf in tf.nest.flatten(call.args)):
        return OTHER  # a constant among the inputs, as wide as all channels are
    if kind is _L.Concatenate:
        return "concatenate" if layer.axis in (-1, len(call.inputs[0].shape) - 1) else OTHER
    if kind in _MERGES or (operation(call) in _MERGING and len(call.inputs) == 2):
        return (_MERGES.get(kind) or _MERGING[operation(call)]) if len(width) == 1 else OTHER
    if kind in (_L.ReLU, _L.LeakyReLU, _L.ELU, _L.Activation) or (operation(call) in _FUNCTIONS and _is_plain(call)):
        return "activation"
    if kind is _L.Reshape:
        return "same" if _keeps_channels(call) else OTHER
    table = {"depthwise": _DEPTHWISE, "same": _SAME, "padding": _PADDING, "noise": _NOISE, "flatten": (_L.Flatten,)}
    return next((name for name, kinds in table.items() if kind in kinds), OTHER)


def _training(call):
    """Whether a call sets the mode of its layer: a norm that uses the batch's statistics, a dropout that always drops."""
    told = (*call.args[1:], call.kwargs.get("training"))
    return any(given is not None and given is not False for given in told)


def _is_plain(call):
    """Whether a TensorFlow function is given its input and no option (except a name): not `tf.nn.silu(x, beta=3.0)`."""
    given = tf.nest.flatten((call.args, call.kwargs))
    return all(leaf is None or isinstance(leaf, Ref | str) for leaf in given)


def _keeps_channels(call):
    """Whether a Reshape rearranges places only, not channels."""
    return call.inputs[0].shape[-1] == call.outputs.shape[-1] and call.layer.target_shape[-1] > 0
