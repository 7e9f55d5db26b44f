"""XNNPACK's conditions on single layers, and the change that mends what does not meet them."""

import tensorflow as tf
import tf_keras as keras

from tfsparse.surgery import operation

_L = keras.layers
_VANISH = (_L.BatchNormalization, _L.Dropout, _L.SpatialDropout2D)
_UNARY = (_L.ReLU, _L.ELU, _L.LeakyReLU, _L.Activation)
_FUNCTIONS = {"linear", "relu", "relu6", "sigmoid", "elu", "hard_sigmoid", "swish", "silu", "tanh"}
_OPERATIONS = {"nn.relu", "nn.relu6", "math.sigmoid", "nn.silu", "math.add", "__operators__.add", "math.multiply"}
_OPERATIONS |= {"__operators__.mul"}


def start_problem(surgery, call):
    """What keeps a convolution from being the first of a sparse chain; None: nothing."""
    layer = call.layer
    if (
        tuple(layer.kernel_size) != (3, 3)
        or tuple(layer.strides) != (2, 2)
        or call.inputs[0].shape[-1] != 3
        or layer.groups != 1
        or tuple(layer.dilation_rate) != (1, 1)
    ):
        return "the first convolution must be 3x3 with stride 2 on 3 channels (as in mobilenet_xnnpack)."
    if layer.padding != "valid" or not _padded(surgery, call, 1):
        return "'same' padding of stride 2 is uneven: use ZeroPadding2D(1) and padding='valid'."
    return _activation_problem(layer)


def problem_of(surgery, call):
    """What is wrong with a layer inside the chain; None: it fits."""
    layer = call.layer
    if isinstance(layer, _L.DepthwiseConv2D):
        return _depthwise_problem(surgery, call)
    if isinstance(layer, _L.Conv2D) and type(layer) is _L.Conv2D:
        if tuple(layer.kernel_size) != (1, 1) or tuple(layer.strides) != (1, 1) or layer.groups != 1:
            size = "x".join(map(str, layer.kernel_size))
            return (
                f"a {size} convolution of stride {layer.strides[0]} is never sparse, and keeps the others dense: "
                "split it into a depthwise and a 1x1 convolution."
            )
        return _activation_problem(layer)
    if isinstance(layer, _L.ZeroPadding2D):
        readers = [reader for ref in tf.nest.flatten(call.outputs) for reader in surgery.consumers(ref)]
        if all(isinstance(reader.layer, _L.DepthwiseConv2D) for reader in readers):
            return None
        return "only a depthwise convolution can take up padding."
    if isinstance(layer, (_L.Add, _L.Multiply, *_VANISH)) or operation(call) in _OPERATIONS:
        return None
    if isinstance(layer, _UNARY):
        return _activation_problem(layer) if isinstance(layer, _L.Activation) else None
    return f"a {type(layer).__name__} does not fit between 1x1 convolutions: take it out, or end in GlobalAveragePooling2D."


def _activation_problem(layer):
    """What is wrong with an activation, a layer's own or one fused into it."""
    name = getattr(layer.activation, "__name__", type(layer.activation).__name__)
    return None if name.lower() in _FUNCTIONS else f"the activation {name!r} does not fit: use ReLU."


def _depthwise_problem(surgery, call):
    layer = call.layer
    edge = layer.kernel_size[0]
    if (
        tuple(layer.kernel_size) not in ((3, 3), (5, 5))
        or tuple(layer.strides) not in ((1, 1), (2, 2))
        or tuple(layer.dilation_rate) != (1, 1)
        or layer.depth_multiplier != 1
    ):
        return "a depthwise convolution must be 3x3 or 5x5, of stride 1 or 2, not dilated, multiplier 1."
    even = layer.padding == "same" and layer.strides[0] == 1
    if not even and not (layer.padding == "valid" and _padded(surgery, call, edge // 2)):
        return f"its padding is uneven: use ZeroPadding2D({edge // 2}) and padding='valid'."
    return _activation_problem(layer)


def _padded(surgery, call, width):
    before = surgery.producer(call.inputs[0])
    wanted = ((width, width), (width, width))
    return before is not None and isinstance(before.layer, _L.ZeroPadding2D) and before.layer.padding == wanted
