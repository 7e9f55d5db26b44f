"""VGG-16 for small images (Simonyan and Zisserman, 2015), with batch normalisation and one classifier layer."""

import tf_keras as keras

from tfsparse.models.blocks import conv, finish, norm, relu, scaled, start

_STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


def vgg16(input_shape, num_classes, *, width=1.0):
    """VGG-16: 13 convolutions of 3x3, max-pooling between the five stages; 14.7 M weights for 10 classes.

    Args:
        input_shape: (height, width, channels), 16x16 at least.
        num_classes: at least 2.
        width: multiplies the channels 64-128-256-512-512.
    """
    x = images = start(input_shape, num_classes, width, stride=2 ** (len(_STAGES) - 1))
    for stage, channels in enumerate(_STAGES, start=1):
        if stage > 1:
            x = keras.layers.MaxPooling2D(name=f"stage{stage}/pool")(x)
        for index, count in enumerate(channels, start=1):
            x = conv(x, scaled(count, width), 3, f"stage{stage}/conv{index}")
            x = relu(norm(x, f"stage{stage}/bn{index}"), f"stage{stage}/relu{index}")
    return finish(images, x, num_classes, "vgg16")
