"""1x1 convolutions with strides, computed another way."""

import tf_keras as keras


class _Thinned(keras.layers.Conv2D):
    """A 1x1 convolution of stride 1 that is given only every n-th row and column, which is what strides do."""

    thin = (1, 1)

    def call(self, inputs):
        rows, columns = self.thin
        return super().call(inputs[:, ::rows, ::columns])


def strided_pointwise(layer):
    """Whether a layer is a 1x1 convolution with strides.

    oneDNN's float32 gradient of one writes outside its memory for some shapes (1 image of 32 x 32, 8 to 16 channels: TensorFlow
    2.21 ends with "double free or corruption"), and a search must not end the user's process.
    """
    return type(layer) is keras.layers.Conv2D and set(layer.kernel_size) == {1} and set(layer.strides) != {1}


def thinned(layer, dtype):
    """A layer that computes the same as `layer`; None if that is no strided 1x1 convolution."""
    if not strided_pointwise(layer) or layer.data_format != "channels_last":
        return None
    copy = _Thinned.from_config({**layer.get_config(), "strides": 1, "dtype": dtype})
    copy.thin = layer.strides
    return copy
