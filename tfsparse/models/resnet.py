"""Residual networks for small images (He et al., "Deep Residual Learning", 2016), as ToST and its like use them."""

import tf_keras as keras

from tfsparse.models.blocks import conv, finish, norm, relu, scaled, start


def resnet18(input_shape, num_classes, *, width=1.0):
    """ResNet-18 with a 3x3 stem of stride 1 and no max-pooling; 11.2 M weights for 10 classes.

    Args:
        input_shape: (height, width, channels), 8x8 at least.
        num_classes: at least 2.
        width: multiplies the channels 64-128-256-512.
    """
    return _resnet("resnet18", input_shape, num_classes, width, (64, 128, 256, 512), 2, basic)


def resnet8(input_shape, num_classes, *, width=1.0):
    """ResNet-8 of 16-32-64 channels, 78 k weights for 10 classes: for tiny devices, and for studies of many trainings.

    Arguments as for `resnet20`.
    """
    return _thin(8, input_shape, num_classes, width)


def resnet20(input_shape, num_classes, *, width=1.0):
    """ResNet-20 of 16-32-64 channels, 0.27 M weights for 10 classes. Arguments as for `resnet18`; 4x4 pixels and up."""
    return _thin(20, input_shape, num_classes, width)


def resnet32(input_shape, num_classes, *, width=1.0):
    """ResNet-32 of 16-32-64 channels, 0.47 M weights for 10 classes. Arguments as for `resnet20`."""
    return _thin(32, input_shape, num_classes, width)


def resnet56(input_shape, num_classes, *, width=1.0):
    """ "ResNet-56" of ToST: nine bottleneck blocks a stage, so in fact 83 layers. Arguments as for `resnet20`."""
    return _thin(56, input_shape, num_classes, width)


def resnet104(input_shape, num_classes, *, width=1.0):
    """ "ResNet-104" of ToST: 17 bottleneck blocks a stage, so in fact 155 layers. Arguments as for `resnet20`."""
    return _thin(104, input_shape, num_classes, width)


def _thin(depth, input_shape, num_classes, width):
    """ToST's rule: n = (depth - 2) / 6 blocks a stage, basic ones below depth 54, bottlenecks of three layers from 54 on."""
    block = bottleneck if depth >= 54 else basic
    return _resnet(f"resnet{depth}", input_shape, num_classes, width, (16, 32, 64), (depth - 2) // 6, block)


def _resnet(name, input_shape, num_classes, width, channels, blocks, block):
    images = start(input_shape, num_classes, width, stride=2 ** (len(channels) - 1))
    x = conv(images, scaled(channels[0], width), 3, "stem/conv")
    x = relu(norm(x, "stem/bn"), "stem/relu")
    for stage, count in enumerate(channels):
        for index in range(blocks):
            stride = 2 if stage > 0 and index == 0 else 1
            x = block(x, scaled(count, width), stride, f"stage{stage + 1}/block{index}")
    return finish(images, x, num_classes, name)


def basic(x, channels, stride, name):
    """Two 3x3 convolutions beside the shortcut."""
    y = conv(x, channels, 3, f"{name}/conv1", stride=stride)
    y = relu(norm(y, f"{name}/bn1"), f"{name}/relu1")
    y = norm(conv(y, channels, 3, f"{name}/conv2"), f"{name}/bn2")
    return _join(x, y, stride, name, "relu2")


def bottleneck(x, channels, stride, name):
    """1x1 to `channels`, 3x3, 1x1 to four times as many, beside the shortcut."""
    y = relu(norm(conv(x, channels, 1, f"{name}/conv1"), f"{name}/bn1"), f"{name}/relu1")
    y = conv(y, channels, 3, f"{name}/conv2", stride=stride)
    y = relu(norm(y, f"{name}/bn2"), f"{name}/relu2")
    y = norm(conv(y, 4 * channels, 1, f"{name}/conv3"), f"{name}/bn3")
    return _join(x, y, stride, name, "relu3")


def _join(x, y, stride, name, last):
    """Adds the shortcut: the input itself, or a 1x1 convolution of it where the shapes differ."""
    if stride != 1 or x.shape[-1] != y.shape[-1]:
        x = conv(x, y.shape[-1], 1, f"{name}/shortcut/conv", stride=stride)
        x = norm(x, f"{name}/shortcut/bn")
    return relu(keras.layers.Add(name=f"{name}/add")([y, x]), f"{name}/{last}")
