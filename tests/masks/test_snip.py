"""SNIP against its definition."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import make_data, make_model
from tfsparse.mask import prunable
from tfsparse.masks import find_mask, scores
from tfsparse.task import Data, Task


def small(seed=0):
    """A net of 100 weights and its task."""
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Dense(10, activation="tanh", input_shape=(6,)), keras.layers.Dense(4)]
    random = np.random.default_rng(seed)
    train = (random.normal(size=(64, 6)).astype("float32"), np.arange(64) % 4)
    return keras.Sequential(layers), Task(Data.from_arrays(train=train, batch_size=64, shuffle=False))


def loss_of(model, task):
    """A fast function () -> loss on the first batch."""
    x, y = next(iter(task.data.scoring(1)))
    loss = tf.function(lambda: task.loss_for(model)(y, model(x, training=False)))
    return lambda: float(loss())


@pytest.mark.parametrize("method", ["snip", "gem_miner(epochs=2, period=1)"])
def test_a_loss_of_the_users_own_scores_as_it_trains(method):
    """Labels (n,) met outputs (n, 1) and made (n, n) of them, and a vector of losses was summed up."""
    seen = []

    def squares(labels, outputs):
        seen.append((labels.shape.rank, outputs.shape.rank))
        return tf.square(tf.cast(labels, outputs.dtype) - outputs)[:, 0]

    found = []
    for loss in (keras.losses.MeanSquaredError(), squares):
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [keras.layers.Dense(8, "tanh", input_shape=(6,), name="a"), keras.layers.Dense(1, name="b")]
        )
        train = (np.random.default_rng(0).normal(size=(60, 6)).astype("float32"), np.arange(60) % 2)
        data = Data.from_arrays(train=train, batch_size=20, shuffle=False)
        found.append(find_mask(model, method, sparsity=0.6, task=Task(data, loss=loss, epochs=2)))
    assert seen and set(seen) == {(2, 2)}
    for path, array in found[0].items():
        np.testing.assert_array_equal(found[1][path], array)


def test_against_finite_differences():
    model, task = small()
    found, loss, expected = scores(model, "snip", task), loss_of(model, task), {}
    for path, variable in prunable(model).items():
        start, sides = variable.numpy().astype("float64"), np.zeros(variable.shape)
        for index in np.ndindex(*variable.shape):
            for factor, sign in ((1.01, 1), (0.99, -1)):
                changed = start.copy()
                changed[index] *= factor
                variable.assign(changed)
                sides[index] += sign * loss() / 0.02
        variable.assign(start)
        expected[path] = np.abs(sides)
    total = sum(array.sum() for array in expected.values())
    for path, array in found.items():
        np.testing.assert_allclose(array, expected[path] / total, atol=1e-4)
    assert sum(array.sum() for array in found.values()) == pytest.approx(1)


def test_ranks_like_the_loss_when_a_weight_is_removed():
    model, task = small()
    for variable in prunable(model).values():
        variable.assign(variable / 3)  # first order is good for small steps
    found = np.concatenate([array.ravel() for array in scores(model, "snip", task).values()])
    loss, removed = loss_of(model, task), []
    base = loss()
    for variable in prunable(model).values():
        start = variable.numpy()
        for index in np.ndindex(*variable.shape):
            changed = start.copy()
            changed[index] = 0
            variable.assign(changed)
            removed.append(abs(loss() - base))
        variable.assign(start)
    ranks = [np.argsort(np.argsort(array)) for array in (found, np.array(removed))]
    assert np.corrcoef(ranks)[0, 1] > 0.9


def test_batches_count_by_their_examples():
    model = make_model()
    random = np.random.default_rng(0)
    x, y = random.normal(size=(12, 8, 8, 3)).astype("float32"), np.arange(12) % 3

    def with_batches_of(size):
        return Task(Data.from_arrays(train=(x, y), batch_size=size, shuffle=False))

    whole = scores(model, "snip(bn_mode='inference')", with_batches_of(12))
    parts = scores(model, "snip(batches=2, bn_mode='inference')", with_batches_of(9))
    for path in whole:
        np.testing.assert_allclose(parts[path], whole[path], rtol=1e-3, atol=1e-7)


def test_vectors_as_labels():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(12, 8, 8, 3)).astype("float32"), np.arange(12) % 3
    model = make_model()
    numbers = scores(model, "snip", Task(Data.from_arrays(train=(x, y), batch_size=12, shuffle=False)))
    vectors = scores(model, "snip", Task(Data.from_arrays(train=(x, np.eye(3)[y]), batch_size=12, shuffle=False)))
    for path in numbers:
        np.testing.assert_allclose(vectors[path], numbers[path], rtol=1e-4, atol=1e-7)


def test_bn_mode_and_rounds_matter(model, task):
    base = find_mask(model, "snip", sparsity=0.8, task=task)
    assert find_mask(model, "snip(bn_mode='inference')", sparsity=0.8, task=task) != base
    assert find_mask(model, "snip(rounds=1)", sparsity=0.8, task=task) == base
    several = find_mask(model, "snip(rounds=4)", sparsity=0.8, task=task)
    assert several != base and several.live == base.live


def test_kernels_that_the_loss_does_not_reach_score_0():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Flatten()(inputs)
    blind = keras.layers.Lambda(tf.stop_gradient)(keras.layers.Dense(3, name="blind")(x))
    model = keras.Model(inputs, keras.layers.Dense(3, name="head")(keras.layers.Add()([blind, x[:, :3]])))
    found = scores(model, "snip", Task(make_data()))
    assert not found["blind/kernel"].any() and found["head/kernel"].any()


def test_frozen_layers_are_scored(model, task):
    expected = scores(model, "snip(bn_mode='inference')", task)
    model.get_layer("stem").trainable = False
    found = scores(model, "snip(bn_mode='inference')", task)
    np.testing.assert_allclose(found["stem/kernel"], expected["stem/kernel"], rtol=1e-4)


@pytest.mark.parametrize("method", ["snip(batches=0)", "snip(rounds=0)", "snip(batches=1.5)", "snip(rounds=True)"])
def test_options_out_of_range(model, task, method):
    with pytest.raises(ValueError, match="must be a whole number of at least 1"):
        find_mask(model, method, sparsity=0.5, task=task)


def test_other_errors(model, task):
    with pytest.raises(ValueError, match="pass task=Task"):
        find_mask(model, "snip", sparsity=0.5)
    with pytest.raises(ValueError, match="the training set of"):
        find_mask(model, "snip(batches=99)", sparsity=0.5, task=task)
    with pytest.raises(ValueError, match="Unknown bn_mode 'train'"):
        find_mask(model, "snip(bn_mode='train')", sparsity=0.5, task=task)
    with pytest.raises(ValueError, match=r"Unknown allocation 'unifrom'\. Did you mean 'uniform'\?"):
        find_mask(model, "snip(allocation='unifrom')", sparsity=0.5, task=task)
    model.get_layer("stem").kernel.assign(model.get_layer("stem").kernel * np.nan)
    with pytest.raises(ValueError, match=r"Scores of '\w+/kernel' are not finite"):
        find_mask(model, "snip", sparsity=0.5, task=task)
