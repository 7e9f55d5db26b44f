"""MobileNet V1 for small images (Howard et al., 2017)."""

from tfsparse.models.blocks import conv, depthwise, finish, norm, relu, scaled, start

# (channels, stride) of the 13 blocks; the stem keeps the size, so that 32x32 images end as 2x2.
_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))


def mobilenet(input_shape, num_classes, *, width=1.0):
    """MobileNet V1 with a stem of stride 1; 3.2 M weights for 10 classes.

    Args:
        input_shape: (height, width, channels), 16x16 at least.
        num_classes: at least 2.
        width: multiplies the channels 32 to 1024.
    """
    images = start(input_shape, num_classes, width, stride=16)
    x = conv(images, scaled(32, width), 3, "stem/conv")
    x = relu(norm(x, "stem/bn"), "stem/relu")
    for index, (channels, stride) in enumerate(_BLOCKS):
        name = f"block{index}"
        x = depthwise(x, 3, f"{name}/depthwise/conv", stride=stride)
        x = relu(norm(x, f"{name}/depthwise/bn"), f"{name}/depthwise/relu")
        x = conv(x, scaled(channels, width), 1, f"{name}/pointwise/conv")
        x = relu(norm(x, f"{name}/pointwise/bn"), f"{name}/pointwise/relu")
    return finish(images, x, num_classes, "mobilenet")
