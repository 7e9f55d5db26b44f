"""MobileNet V1 built to the conditions under which phones run its 1x1 convolutions sparsely."""

from tfsparse.models.blocks import conv, depthwise, finish, norm, pad, relu, scaled, start

# (channels, stride) of the 13 blocks; the stem halves the size instead of the second block.
_BLOCKS = ((64, 1), (128, 1), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))


def mobilenet_xnnpack(input_shape, num_classes, *, width=1.0):
    """MobileNet V1 for XNNPACK: a stem of stride 2, explicit padding where a stride is 2, a dense classifier.

    With more than two thirds of its 1x1 weights zero (`prunable="pointwise"`) LiteRT runs all of them sparsely on ARM;
    `ts.doctor(model, mask)` tells. For three-channel images; 3.2 M weights for 10 classes.

    Args:
        input_shape: (height, width, 3), 16x16 at least.
        num_classes: at least 2.
        width: multiplies the channels 32 to 1024.
    """
    images = start(input_shape, num_classes, width, stride=16)
    x = conv(pad(images, 3, "stem/pad"), scaled(32, width), 3, "stem/conv", stride=2, padding="valid")
    x = relu(norm(x, "stem/bn"), "stem/relu")
    for index, (channels, stride) in enumerate(_BLOCKS):
        name = f"block{index}"
        if stride == 2:
            x = pad(x, 3, f"{name}/depthwise/pad")
        x = depthwise(x, 3, f"{name}/depthwise/conv", stride=stride, padding="valid" if stride == 2 else "same")
        x = relu(norm(x, f"{name}/depthwise/bn"), f"{name}/depthwise/relu")
        x = conv(x, scaled(channels, width), 1, f"{name}/pointwise/conv")
        x = relu(norm(x, f"{name}/pointwise/bn"), f"{name}/pointwise/relu")
    return finish(images, x, num_classes, "mobilenet_xnnpack")
