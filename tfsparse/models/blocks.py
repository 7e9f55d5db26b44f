"""What the networks are made of: convolution, norm and ReLU, the two ends, and the checks of arguments."""

import numbers

import tf_keras as keras

from tfsparse.values import real, whole

_HE = "he_normal"


def start(input_shape, num_classes, width, stride):
    """Checks what a network was asked for and returns its input.

    Args:
        input_shape: (height, width, channels) of the images.
        num_classes: at least 2.
        width: channel multiplier, above 0.
        stride: how many times smaller the network's last feature map is than its input.

    Raises:
        ValueError: names the argument that does not fit.
    """
    shape = tuple(input_shape)
    if len(shape) != 3 or not all(isinstance(n, numbers.Integral) and n > 0 for n in shape):
        raise ValueError(f"input_shape must be (height, width, channels), positive whole numbers, received {shape}.")
    if min(shape[:2]) < stride:
        raise ValueError(
            f"Images of {shape[0]}x{shape[1]} are too small: the network shrinks them {stride} times. "
            f"Enlarge them to {stride}x{stride} at least, or choose a network with fewer stages."
        )
    whole(num_classes, "num_classes", least=2)
    real(width, "width", "(0, inf)")
    return keras.Input(shape, name="images")


def scaled(channels, width):
    """`channels` times `width`, rounded, at least 1.

    >>> scaled(16, 0.5), scaled(16, 0.01)
    (8, 1)
    """
    return max(1, round(channels * width))


def conv(x, channels, size, name, *, stride=1, padding="same"):
    """Convolution without bias (the norm after it has one), padded so that stride 1 keeps the size."""
    layer = keras.layers.Conv2D(
        channels, size, stride, padding=padding, use_bias=False, kernel_initializer=_HE, name=name
    )
    return layer(x)


def depthwise(x, size, name, *, stride=1, padding="same"):
    """Depthwise convolution without bias; He-normal for its true fan-in of size² (Keras would count all channels)."""
    initializer = keras.initializers.VarianceScaling(2.0 * x.shape[-1], "fan_in", "truncated_normal")
    layer = keras.layers.DepthwiseConv2D(
        size, stride, padding=padding, use_bias=False, depthwise_initializer=initializer, name=name
    )
    return layer(x)


def pad(x, size, name):
    """Pads all sides alike with zeros, as many as a kernel of `size` needs."""
    return keras.layers.ZeroPadding2D(size // 2, name=name)(x)


def norm(x, name):
    """Batch normalisation with the papers' momentum 0.9 and epsilon 1e-5."""
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)


def relu(x, name):
    """A ReLU layer of its own, so that a recipe can find and replace it."""
    return keras.layers.ReLU(name=name)(x)


def finish(images, x, num_classes, name):
    """Ends the network: mean over the image, one dense layer to logits."""
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    # float32 also under mixed precision: a softmax over half-precision logits loses accuracy.
    logits = keras.layers.Dense(num_classes, kernel_initializer=_HE, dtype="float32", name="classifier")(x)
    return keras.Model(images, logits, name=name)
