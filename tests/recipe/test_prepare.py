"""Ghosts leave nothing behind: the design's third promise, for every network, and what `strip` gives back."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import Subclassed, dead, make_data, make_mask, make_model, slow
from tests.test_surgery import fused, kerascv, mobilenet_v2
from tfsparse.mask import Mask
from tfsparse.models import MODELS, build_model
from tfsparse.recipe import Recipe, callbacks, clocks, ghosts_leave, initial, prepare, strip, transfer
from tfsparse.task import Data, Task

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
GHOSTS = "ghost_neurons(share=0.5),ghost_skips(share=0.5)"
# Long to trace, and made of the same blocks as others of the table.
LONG = ("resnet18", "resnet20", "resnet32", "resnet56", "resnet104", "mobilenet_xnnpack")
NETWORKS = [slow(name) if name in LONG else name for name in sorted(MODELS)]


def images(model, count=4):
    return np.random.default_rng(0).normal(size=(count, *model.input_shape[1:])).astype("float32")


def task_of(steps):
    x = np.zeros((2 * steps, 8, 8, 3), "float32")
    return Task(Data.from_arrays(train=(x, np.arange(2 * steps) % 3), batch_size=2), epochs=1)


def convolutions(model):
    """How many convolutions one traced training pass of `model` executes."""
    function = tf.function(lambda x: model(x, training=True))
    graph = function.get_concrete_function(tf.TensorSpec((2, *model.input_shape[1:]))).graph
    names = [operation.type for operation in graph.get_operations()]
    return names.count("Conv2D") + names.count("DepthwiseConv2dNative")


def make(name):
    if callable(name):
        return name()
    data = make_data()
    data.input_shape = (16, 16, 3)
    return build_model(name, data, width=0.05)


@pytest.mark.parametrize("name", [*NETWORKS, make_model, fused, slow(mobilenet_v2), kerascv])
def test_ghosts_leave_nothing_behind(name):
    model = make(name)
    before, mask = model.get_weights(), make_mask(model, 0.8)
    recipe = "ghost_neurons(share=0.5)" if name is fused else GHOSTS  # its convolutions are not padded
    prepared, x = prepare(model, mask, recipe, task_of(4)), images(model)
    assert convolutions(prepared) > convolutions(model) or name is fused
    prepared(x, training=True)
    alive, plain = prepared(x).numpy(), strip(prepared)
    for clock in clocks(prepared).values():
        assert clock.now == 0.5
        clock.step.assign_add(1)  # from here on the strength is 0
    expected = plain(x).numpy()
    assert np.any(alive != expected), "the ghosts had no effect"
    np.testing.assert_allclose(prepared(x), expected, atol=1e-5)
    assert ghosts_leave(prepared)
    np.testing.assert_allclose(prepared(x), expected, atol=1e-5)
    assert convolutions(prepared) == convolutions(model), "a ghost is still executed"
    assert_same_architecture(plain, model)
    assert dead(plain, mask) == dead(prepared, mask) == 0
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def assert_same_architecture(plain, model):
    assert type(plain) is type(model) and plain.name == model.name
    assert [type(layer) for layer in plain.layers] == [type(layer) for layer in model.layers]
    own_class = type(model).__module__.startswith("keras_cv")  # its `from_config` renames layers without weights
    for ours, theirs in zip(plain._flatten_layers(), model._flatten_layers(), strict=True):
        if not isinstance(ours, keras.Model) and (ours.weights or not own_class):
            assert ours.get_config() == theirs.get_config()


@pytest.mark.parametrize("dtype", [None, "mixed_bfloat16"])
def test_outputs_keep_their_names(dtype):
    """Losses and labels are given by them; they were named after wrappers, and after casts to full precision."""
    x = keras.Input((4,))
    hidden = keras.layers.Dense(8, activation="relu", name="hidden")(x)
    kind = keras.Sequential([keras.Input((8,)), keras.layers.Dense(2, name="head")], name="kind")  # is laid flat
    model = keras.Model(x, [kind(hidden), keras.layers.Dense(1, name="size")(hidden)])
    data = Data.from_arrays(train=(np.ones((4, 4), "float32"), np.zeros(4, int)), batch_size=2)
    prepared = prepare(model, Mask.ones(model), "none", Task(data, epochs=1), dtype=dtype)
    prepared.compile("sgd", {"kind": LOSS, "size": "mse"})
    labels = {"kind": np.zeros(4, int), "size": np.ones(4)}
    assert "size_loss" in prepared.fit(np.ones((4, 4)), labels, verbose=0).history


@pytest.mark.parametrize("dtype", [slow(None), "mixed_bfloat16", "mixed_float16"])
def test_a_whole_training_in_any_precision(dtype, data):
    """The stripped model is float32 in every case; a mixed copy differs by its rounding."""
    model, task = make_model(), Task(data, epochs=2)
    mask = make_mask(model)
    prepared = prepare(model, mask, GHOSTS, task, dtype=dtype)
    prepared.compile(keras.optimizers.SGD(0.02), LOSS)
    prepared.fit(data.train, epochs=2, verbose=0, callbacks=callbacks(prepared))
    plain, x = strip(prepared), images(model)
    assert {layer.compute_dtype for layer in plain.layers} == {"float32"}
    np.testing.assert_allclose(prepared(x), plain(x), atol=1e-5 if dtype is None else 0.05)
    assert dead(plain, mask) == 0 and convolutions(prepared) == convolutions(model)


def test_a_mask_may_be_missing_or_a_plain_mapping(task):
    model = make_model()
    dense = prepare(model, None, "none", task)
    np.testing.assert_allclose(dense(images(model)), model(images(model)), atol=1e-6)
    arrays = {"conv1/kernel": np.zeros((3, 3, 4, 4), bool)}
    assert not np.any(strip(prepare(model, arrays, GHOSTS, task)).get_layer("conv1").kernel)
    with pytest.raises(ValueError, match="names no prunable weight"):
        prepare(model, {"elsewhere/kernel": np.ones((1, 1))}, "none", task)


def test_initial_weights_are_rescaled_once(task, mask):
    recipe = Recipe("rescaled_init(iterations=2)")
    model = make_model()
    start = initial(model, mask, recipe, task)
    np.testing.assert_array_equal(prepare(model, mask, recipe, task).get_layer("norm0").gamma, start.layers[2].gamma)
    assert np.any(start.layers[2].gamma != model.layers[2].gamma)
    resumed = prepare(model, mask, recipe, task, initialize=False)
    np.testing.assert_array_equal(resumed.get_layer("norm0").gamma, model.layers[2].gamma)


def test_a_loaded_model_is_transferred(task, mask, tmp_path):
    prepared = prepare(make_model(), mask, GHOSTS, task)
    prepared.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="does not know the model it was prepared from.*transfer"):
        strip(loaded)
    plain = transfer(loaded, make_model())
    for ours, theirs in zip(plain.get_weights(), strip(prepared).get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_subclassed_model_is_prepared_in_place_without_ghosts(task):
    model = Subclassed()
    for recipe in ("ghost_skips", "tost"):
        with pytest.raises(ValueError, match="The recipe .*ghost_skips.* needs a functional or Sequential model"):
            prepare(model, None, recipe, task)
    mask = Mask({"dense/kernel": np.arange(192 * 3).reshape(192, 3) % 2 == 0})
    assert prepare(model, mask, "label_smoothing,rescaled_init(iterations=2)", task) is model
    model.compile(keras.optimizers.SGD(0.1), LOSS)
    model.fit(task.data.train, verbose=0, callbacks=callbacks(model))
    assert dead(model, mask) == 0 and strip(model) is model
    assert all(variable.constraint is None for variable in model.trainable_variables)
