import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsparse import diagnose
from tfsparse.diagnosis import operations
from tfsparse.mask import Mask, prunable

layers = keras.layers


def test_projections_of_attention():
    inputs = keras.Input((5, 8))
    model = keras.Model(inputs, layers.MultiHeadAttention(2, 3, name="attention")(inputs, inputs))
    arrays = {path: np.ones(v.shape, bool) for path, v in prunable(model).items()}
    arrays["attention/query/kernel"][:, 1, 2] = False
    arrays["attention/output/kernel"][0, 1] = False
    found = {x.path.split("/")[1]: x for x in diagnose(model, arrays).layers}
    query, output = found["query"], found["output"]
    assert (query.inputs, query.dead_inputs, query.outputs, query.dead_outputs) == (8, 0, 6, 1)
    assert (output.inputs, output.dead_inputs, output.outputs, output.dead_outputs) == (6, 1, 8, 0)
    assert [x.dense_flops for x in found.values()] == [2 * 5 * 48] * 4


def test_places_of_strided_grouped_and_transposed_convolutions():
    stack = [
        layers.Conv2D(4, 3, strides=2, padding="same", groups=2, name="grouped"),  # 8x8x2 to 4x4x4
        layers.Conv2DTranspose(3, 2, strides=2, name="transposed"),  # to 8x8x3
        layers.SeparableConv2D(5, 3, name="separable"),  # to 6x6x5
        layers.Dense(2, name="dense"),  # at each of the 36 places
    ]
    model = keras.Sequential([keras.Input((8, 8, 2)), *stack])
    found = {x.path: x.dense_flops // 2 for x in diagnose(model, Mask.ones(model)).layers}
    assert found == {
        "grouped/kernel": 16 * 36,
        "transposed/kernel": 16 * 48,
        "separable/depthwise_kernel": 36 * 27,
        "separable/pointwise_kernel": 36 * 15,
        "dense/kernel": 36 * 10,
    }


class Traced(keras.Model):
    def __init__(self):
        super().__init__()
        self.convolution = layers.Conv2D(4, 3)

    @tf.function
    def call(self, images):
        return self.convolution(images)


def test_a_call_that_was_traced_before_is_counted():
    model = Traced()
    model(np.zeros((1, 8, 8, 3), "float32"))
    found = diagnose(model, Mask.ones(model), input_shape=(8, 8, 3))
    assert [layer.dense_flops for layer in found.layers] == [2 * 36 * 108]
    assert not tf.config.functions_run_eagerly()


def test_steps_in_time_are_places():
    frames = keras.Sequential([keras.Input((5, 8, 8, 3)), layers.TimeDistributed(layers.Conv2D(4, 3))])
    one = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3)])
    assert operations(frames) == 5 * operations(one) == 5 * 2 * 36 * 108
