"""Zeros are exact after every step, however a step is taken."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras as keras

from tests.conftest import dead, make_mask, make_model
from tfsparse.mask import Mask, prunable, sparsify
from tfsparse.mask.masked_layer import MaskedLayer, masks
from tfsparse.mask.sparsify import release
from tfsparse.masks import find_mask
from tfsparse.task import Data, Task

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


class CountsDead(keras.callbacks.Callback):
    """After every call of the train function."""

    def __init__(self, mask):
        super().__init__()
        self.mask, self.seen = mask, []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(dead(self.model, self.mask))


def images(count=32):
    random = np.random.default_rng(0)
    return random.normal(size=(count, 8, 8, 3)).astype("float32"), random.integers(0, 3, count)


def test_a_name_may_begin_with_that_of_another_layer():
    """As `block1` and `block1/conv` do: the sum was taken for a layer that holds the convolution."""
    x = stem = keras.layers.Conv2D(4, 3, padding="same", name="stem")(inputs := keras.Input((8, 8, 3)))
    x = keras.layers.Conv2D(4, 3, padding="same", name="block1/conv")(x)
    x = keras.layers.Flatten()(keras.layers.Add(name="block1")([x, stem]))
    model = keras.Model(inputs, keras.layers.Dense(3, name="head")(x))
    mask = make_mask(model)
    sparse = sparsify(model, mask)
    assert sum(isinstance(layer, MaskedLayer) for layer in sparse.layers) == 3
    sparse.compile("sgd", LOSS)
    sparse.fit(*images(), epochs=1, verbose=0)
    assert dead(sparse, mask) == 0
    task = Task(Data.from_arrays(train=images(), batch_size=8), epochs=1)
    assert list(find_mask(model, "gradual(frequency=1)", sparsity=0.5, task=task)) == list(mask)


def test_another_mask_takes_the_place_of_the_first(model, mask):
    sparse = sparsify(sparsify(model, mask), other := Mask({path: ~array for path, array in mask.items()}))
    assert sum(isinstance(layer, MaskedLayer) for layer in sparse._flatten_layers()) == len(mask)
    assert all((variable.numpy() == other[path]).all() for path, variable in masks(sparse).items())


HOW = [{}, {"steps_per_execution": 8}, {"jit_compile": True}]
POLICIES = ["float32", "mixed_bfloat16", "mixed_float16"]


@pytest.mark.parametrize(
    ("policy", "how"),
    [
        pytest.param(policy, how, marks=() if i == j else pytest.mark.slow)
        for (i, policy), (j, how) in itertools.product(enumerate(POLICIES), enumerate(HOW))
    ],
)
def test_zeros_are_exact_after_every_step_of_fit(policy, how):
    keras.mixed_precision.set_global_policy(policy)
    model = make_model()
    mask = make_mask(model)
    sparse = sparsify(model, mask)
    sparse.compile(keras.optimizers.SGD(0.1, momentum=0.9), LOSS, **how)
    counter = CountsDead(mask)
    sparse.fit(*images(64), batch_size=4, epochs=2, verbose=0, callbacks=[counter])
    assert counter.seen and not any(counter.seen)
    assert any(np.any(a != b) for a, b in zip(model.get_weights(), sparse.get_weights(), strict=False)), (
        "nothing trained"
    )


def test_zeros_are_exact_on_two_devices(strategy):
    with strategy.scope():
        model = make_model()
        mask = make_mask(model)
        sparse = sparsify(model, mask)
        sparse.compile(keras.optimizers.Adam(0.1), LOSS, steps_per_execution=2)
    counter = CountsDead(mask)
    sparse.fit(*images(), batch_size=8, epochs=2, verbose=0, callbacks=[counter])
    assert len(counter.seen) == 4 and not any(counter.seen)


@pytest.mark.parametrize("optimizer", [keras.optimizers.SGD, keras.optimizers.legacy.SGD])
def test_zeros_are_exact_in_a_custom_loop(model, mask, optimizer):
    sparse, optimizer = sparsify(model, mask), optimizer(0.1, momentum=0.9)

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = LOSS(y, sparse(x, training=True))
        variables = sparse.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    for _ in range(4):
        step(*images())
        assert dead(sparse, mask) == 0


def test_momentum_does_not_revive_a_weight(model, mask):
    """The velocity of a dead weight, gathered before the mask came, must not move it either."""
    sparse, optimizer = sparsify(model, Mask.ones(model)), keras.optimizers.SGD(0.1, momentum=0.99)
    sparse.compile(optimizer, LOSS)
    sparse.fit(*images(), verbose=0, epochs=3)
    for name, variable in masks(sparse).items():
        variable.assign(mask[name].astype("float32"))
    sparse.fit(*images(), verbose=0, epochs=3)
    assert dead(sparse, mask) == 0


def test_live_weights_train_as_with_a_multiplied_kernel(mask):
    """The same network written with `kernel * mask` in the forward pass takes the same steps."""
    kernel = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    array = np.random.default_rng(1).random((5, 3)) < 0.5
    x, y = np.random.default_rng(2).normal(size=(16, 5)).astype("float32"), np.arange(16) % 3
    model = keras.Sequential([keras.layers.Dense(3, use_bias=False, input_shape=(5,), name="head")])
    model.set_weights([kernel])
    sparse = sparsify(model, {"head/kernel": array})
    sparse.compile(keras.optimizers.SGD(0.5, momentum=0.9), LOSS)
    sparse.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    by_hand, optimizer = tf.Variable(kernel * array), keras.optimizers.SGD(0.5, momentum=0.9)
    for k in range(4):
        with tf.GradientTape() as tape:
            loss = LOSS(y[4 * k : 4 * k + 4], x[4 * k : 4 * k + 4] @ (by_hand * array.astype("float32")))
        optimizer.apply_gradients([(tape.gradient(loss, by_hand), by_hand)])
    np.testing.assert_allclose(sparse.get_weights()[0], by_hand.numpy(), rtol=1e-5, atol=1e-6)


def test_a_constraint_that_the_layer_had_is_kept():
    layer = keras.layers.Dense(3, kernel_constraint=keras.constraints.MaxNorm(0.1), input_shape=(5,), name="head")
    model = keras.Sequential([layer])
    sparse = sparsify(model, {"head/kernel": np.eye(5, 3)})
    sparse.compile(keras.optimizers.SGD(1.0), "mse")
    sparse.fit(np.ones((8, 5), "float32"), np.full((8, 3), 100.0, "float32"), verbose=0)
    kernel = sparse.get_weights()[0]
    assert np.all(kernel[np.eye(5, 3) == 0] == 0)
    np.testing.assert_allclose(np.linalg.norm(kernel, axis=0), 0.1, rtol=1e-4)
    plain = tfmot.sparsity.keras.strip_pruning(sparse)
    assert isinstance(plain.layers[0].get_config()["kernel_constraint"], dict | keras.constraints.MaxNorm)
    assert "Mask" not in str(plain.get_config()), "the stripped model's configuration must be the plain one"


def test_tfmot_strips_and_summarises(model, mask, tmp_path):
    sparse = sparsify(model, mask)
    sparse.compile(keras.optimizers.SGD(0.1), LOSS)
    summaries = tfmot.sparsity.keras.PruningSummaries(str(tmp_path))
    sparse.fit(*images(), verbose=0, epochs=2, callbacks=[summaries, tfmot.sparsity.keras.UpdatePruningStep()])
    assert dead(sparse, mask) == 0
    assert list(tmp_path.rglob("events.*"))
    plain = tfmot.sparsity.keras.strip_pruning(sparse)
    assert [type(a) for a in plain.layers] == [type(a) for a in model.layers]
    np.testing.assert_array_equal(plain.predict(images()[0], verbose=0), sparse.predict(images()[0], verbose=0))


@pytest.mark.parametrize(
    "suffix", [".keras", "", pytest.param(".h5", marks=pytest.mark.filterwarnings("ignore:You are"))]
)
def test_saved_and_loaded_models_keep_the_mask(model, mask, tmp_path, suffix):
    sparse = sparsify(model, mask)
    sparse.save(f"{tmp_path}/model{suffix}")
    loaded = keras.models.load_model(f"{tmp_path}/model{suffix}")
    for name, variable in masks(loaded).items():
        np.testing.assert_array_equal(variable.numpy() != 0, mask[name])
    loaded.compile(keras.optimizers.SGD(0.1, momentum=0.9), LOSS)
    loaded.fit(*images(), verbose=0)
    assert dead(loaded, mask) == 0


def test_checkpoints_keep_the_mask(model, mask, tmp_path):
    path = tf.train.Checkpoint(model=sparsify(model, mask)).save(f"{tmp_path}/c")
    other = sparsify(model, Mask.ones(model))
    tf.train.Checkpoint(model=other).restore(path).assert_existing_objects_matched()
    for name, variable in masks(other).items():
        np.testing.assert_array_equal(variable.numpy() != 0, mask[name])


def test_only_layers_of_the_mask_are_wrapped(model):
    sparse = sparsify(model, {"conv1/kernel": np.ones((3, 3, 4, 4), bool)})
    assert [layer.name for layer in sparse.layers if isinstance(layer, MaskedLayer)] == ["masked_layer_conv1"]


def test_nested_shared_and_composite_layers():
    keras_layers = keras.layers
    inner = keras.Sequential([keras.Input((8,)), keras_layers.Dense(8, activation="relu", name="dense")], name="inner")
    inputs = keras.Input((8, 8))
    x = keras_layers.Flatten()(keras_layers.MultiHeadAttention(2, 4, name="attention")(inputs, inputs))
    x = keras_layers.Dense(8, name="dense")(x)  # the same name as inside
    outputs = keras_layers.Dense(3, name="head")(inner(inner(x)))
    model = keras.Model(inputs, outputs)
    mask = make_mask(model)
    assert {"dense/kernel", "inner/dense/kernel", "attention/query/kernel"} <= set(mask)
    sparse = sparsify(model, mask)
    sparse.compile(keras.optimizers.Adam(0.1), LOSS)
    sparse.fit(np.random.default_rng(0).normal(size=(16, 8, 8)), np.arange(16) % 3, verbose=0)
    assert dead(sparse, mask) == 0


def test_a_subclassed_model_is_masked_in_place():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.first, self.second = keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3)

        def call(self, x):
            return self.second(self.first(x))

    model = Own()
    model(np.zeros((2, 5), "float32"))
    mask = make_mask(model)
    assert sparsify(model, mask) is model
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), LOSS)
    x, y = np.random.default_rng(0).normal(size=(16, 5)).astype("float32"), np.arange(16) % 3
    model.fit(x, y, verbose=0, epochs=2)
    assert dead(model, mask) == 0
    release(model)
    assert all(variable.constraint is None for variable in prunable(model).values())


def test_a_mask_of_another_model_is_refused(model):
    with pytest.raises(ValueError, match="names no prunable weight.*another architecture"):
        sparsify(model, {"elsewhere/kernel": np.ones((2, 2))})
    with pytest.raises(ValueError, match=r"has shape \(2, 2\)"):
        sparsify(model, {"conv1/kernel": np.ones((2, 2))})


@pytest.mark.parametrize("layer", [lambda: keras.layers.Dense(6), lambda: keras.layers.Conv1D(6, 3)])
def test_masks_of_sequences_go_through(layer):
    """Keras' masks, which say where a sentence has ended: not every layer takes them, and some hand them on."""
    parts = [keras.layers.Embedding(20, 8, mask_zero=True), layer(), keras.layers.LSTM(4), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((10,), dtype="int32"), *parts])
    words = np.array([[1, 2, 3, 0, 0, 0, 0, 0, 0, 0], [4] * 10])
    sparse = sparsify(model, Mask.ones(model))
    np.testing.assert_array_equal(sparse.predict(words, verbose=0), model.predict(words, verbose=0))
