"""`Mask`, and which weights it is for."""

import numpy as np
import pytest
import tf_keras as keras

from tfsparse.mask import Mask, prunable


def test_counts():
    mask = Mask({"a/kernel": [[1, 0], [0, 0]], "b/kernel": np.ones((2, 2), bool)})
    assert (mask.live, mask.total, mask.sparsity, mask.empty) == (5, 8, 0.375, [])
    assert repr(mask) == "Mask(2 weights, 5 of 8 live, sparsity 0.3750)"
    assert Mask({"a": [0, 0], "b": [1]}).empty == ["a"]


def test_is_read_only_and_keeps_no_hold_on_what_it_was_made_of():
    array = np.ones((2, 2), bool)
    mask = Mask({"a": array})
    array[0, 0] = False
    assert mask["a"].all()
    with pytest.raises(ValueError, match="read-only"):
        mask["a"][0, 0] = False
    with pytest.raises(TypeError, match="item assignment"):
        mask["a"] = array


def test_equality():
    mask = Mask({"a": [1, 0], "b": [[1, 0]]}, {"method": "snip"})
    assert mask == Mask({"b": [[1, 0]], "a": [1, 0]})
    assert mask != Mask({"a": [1, 0], "b": [[1, 1]]})
    assert mask != Mask({"a": [1, 0]})
    assert mask != Mask({"a": [1, 0], "b": [1, 0]})
    assert mask != "a"


@pytest.mark.parametrize(
    "array", [[0.5, 1], [2, 0], [-1, 1], [np.nan, 1], ["1", "0"], [1j, 0], np.array([None, 1], dtype=object)]
)
def test_anything_but_0_and_1_is_refused(array):
    with pytest.raises(ValueError, match="'head/kernel' holds values other than 0 and 1"):
        Mask({"head/kernel": array})


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float32"])
def test_0_and_1_of_any_type_are_taken(dtype):
    assert Mask({"a": np.array([1, 0], dtype)})["a"].tolist() == [True, False]


@pytest.mark.parametrize("arrays", [{}, {"a": np.zeros((0, 3), bool)}])
def test_a_mask_of_nothing_is_refused(arrays):
    with pytest.raises(ValueError, match="A mask needs at least one"):
        Mask(arrays)


def test_check(model):
    Mask.ones(model).check(model)
    with pytest.raises(
        ValueError, match=r"'other/kernel' names no prunable weight of model 'tiny', which has stem/kernel"
    ):
        Mask({"other/kernel": [1]}).check(model)
    with pytest.raises(ValueError, match=r"'stem/kernel' has shape \(2,\), the model's weight \(3, 3, 3, 4\)"):
        Mask({"stem/kernel": [1, 0]}).check(model)
    with pytest.raises(ValueError, match="names no prunable weight"):
        Mask({"norm0/gamma": np.ones(4, bool)}).check(model)


def test_from_zeros_and_ones(model):
    kernel = model.get_layer("stem").kernel
    values = kernel.numpy()
    values[0, 0] = 0.0
    kernel.assign(values)
    mask = Mask.from_zeros(model)
    assert list(mask) == list(prunable(model))
    assert (mask["stem/kernel"] == (values != 0)).all()
    assert mask.total - mask.live == 12
    assert Mask.ones(model).sparsity == 0
    assert set(Mask.ones(model, prunable="conv")) == {"stem/kernel", "conv1/kernel", "conv2/kernel"}


def test_prunable_leaves_out_norms_biases_embeddings_and_recurrent_kernels():
    inputs = keras.Input((5,), dtype="int32")
    x = keras.layers.LSTM(3)(keras.layers.Embedding(7, 4)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2, name="head")(keras.layers.LayerNormalization()(x)))
    assert list(prunable(model)) == ["head/kernel"]

    class Cell(keras.layers.LSTMCell):
        """A user's own: custom layers' kernels count, those of recurrent cells do not."""

    x = keras.layers.RNN(Cell(3))(given := keras.Input((5, 4)))
    assert list(prunable(keras.Model(given, keras.layers.Dense(2, name="head")(x)))) == ["head/kernel"]


@pytest.mark.parametrize("layer", ["Conv2D", "Conv2DTranspose", "DepthwiseConv2D", "SeparableConv2D"])
def test_prunable_convolutions(layer):
    arguments = (2,) if layer == "DepthwiseConv2D" else (4, 2)
    built = getattr(keras.layers, layer)(*arguments, input_shape=(5, 5, 3), name="conv")
    found = prunable(keras.Sequential([built]), "conv")
    assert found and all(path.startswith("conv/") and path.endswith("kernel") for path in found)


def test_attention_is_no_convolution():
    inputs = keras.Input((6, 16))
    x = keras.layers.MultiHeadAttention(2, 8, name="attention")(inputs, inputs)
    model = keras.Model(inputs, keras.layers.Conv1D(4, 3, name="conv")(x))
    assert list(prunable(model, "conv")) == ["conv/kernel"]


def test_errors_of_prunable(model):
    with pytest.raises(ValueError, match=r"Unknown kind of prunable weights 'convs'\. Did you mean 'conv'\?"):
        prunable(model, "convs")
    with pytest.raises(ValueError, match="has no weights yet"):
        prunable(keras.Sequential([keras.layers.Dense(2)]))
    with pytest.raises(ValueError, match="no prunable weights of kind 'conv'"):
        prunable(keras.Sequential([keras.layers.Dense(2, input_shape=(3,))]), "conv")
    with pytest.raises(TypeError, match="Expected a tf_keras model, received dict"):
        prunable({})


def test_a_shared_layer_has_one_entry_and_nested_names_may_repeat():
    shared = keras.layers.Dense(3, name="dense")
    inner = keras.Sequential([keras.Input((3,)), shared, keras.layers.Dense(3, name="other")], name="inner")
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(2, name="dense")(inner(inner(inputs))))
    assert list(prunable(model)) == ["inner/dense/kernel", "inner/other/kernel", "dense/kernel"]
