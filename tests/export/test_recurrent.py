"""Recurrent networks: a file has no memory of the sequences before, and their zeros are told from other layers' weights."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import slow
from tests.export.export_networks import FORMATS, data
from tfsparse.export import ExportError, export_model, load_exported

layers = keras.layers
SEQUENCES = np.random.default_rng(0).normal(size=(20, 6, 4)).astype("float32")


def of_sequences(train=False):
    batches = tf.data.Dataset.from_tensor_slices((SEQUENCES, np.zeros(20))).batch(10)
    bare = dict.fromkeys(("mean", "std", "class_names", "image_dtype"))
    return data(input_shape=(6, 4), test=batches, train=batches if train else None, **bare)


@pytest.mark.parametrize(("dtype", "largest"), [("float32", 1e-5), slow("float16", 1e-3), ("int8", 0.03)])
@pytest.mark.parametrize(
    "build",
    [
        layers.LSTM,
        slow(layers.GRU),
        slow(lambda n: layers.Bidirectional(layers.LSTM(n))),
    ],
)
def test_an_answer_does_not_depend_on_the_calls_before(build, dtype, largest, tmp_path):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6, 4)), build(8), layers.Dense(3)])
    given = of_sequences(train=dtype == "int8")
    exported = load_exported(export_model(model, f"tflite(dtype='{dtype}')", tmp_path / "mine", data=given).path)
    again = [exported(SEQUENCES[:1]) for _ in range(3)]
    assert (again[0] == again[1]).all() and (again[1] == again[2]).all()
    np.testing.assert_allclose(exported(SEQUENCES), tf.nn.softmax(model(SEQUENCES)), atol=largest)


def test_a_loop_that_cannot_be_unrolled_is_refused_in_int8_before_the_converter_dies_of_it(tmp_path):
    inputs = keras.Input((6, 4))
    x = layers.ConvLSTM1D(3, 2)(layers.Reshape((3, 2, 4))(inputs))
    model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x)))
    with pytest.raises(ExportError, match="loops over its input.*Export float16"):
        export_model(model, "tflite(dtype='int8')", tmp_path / "mine", data=of_sequences(train=True))


@pytest.mark.parametrize("format", [*FORMATS, slow("tflite(dtype='float16')")])
def test_a_full_kernel_of_the_same_size_hides_no_zeros_and_loses_none(format, tmp_path):
    inputs = keras.Input((6, 4))
    x = layers.Dense(32, activation="relu", name="full")(layers.LSTM(8, name="lstm")(inputs))  # both kernels of 8 x 32
    model = keras.Model(inputs, layers.Dense(3)(x))
    live = np.random.default_rng(0).random((8, 32)) < 0.5
    kernel = model.get_layer("lstm").cell.recurrent_kernel
    kernel.assign(kernel * live)
    assert export_model(model, format, tmp_path / "mine", data=of_sequences()).zeros == np.count_nonzero(~live)
