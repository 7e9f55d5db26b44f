"""Dead weights have no gradient: nothing that an optimizer makes of gradients counts them."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import dead, make_data, make_mask, make_model
from tfsparse import paths
from tfsparse.experiment import train
from tfsparse.mask import mask_gradients, sparsify
from tfsparse.recipe import callbacks, prepare, strip
from tfsparse.task import Task
from tfsparse.task.sgd import SGD

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.mark.parametrize("make", [keras.optimizers.SGD, SGD, keras.optimizers.Adam])
def test_averages_of_weights_keep_their_zeros(make, task):
    model = make_model()
    mask = make_mask(model)
    prepared = prepare(model, mask, "ghost_skips(share=0.5)", task)
    prepared.compile(make(0.01, use_ema=True, ema_momentum=0.5), LOSS)
    prepared.fit(make_data().train, epochs=2, verbose=0, callbacks=callbacks(prepared))
    assert dead(prepared, mask) == dead(strip(prepared), mask) == 0


def test_momentum_of_dead_weights_is_zero(strategy, task):
    with strategy.scope():
        model = make_model()
        mask = make_mask(model)
        prepared = prepare(model, mask, "none", task)
        prepared.compile(SGD(0.01, momentum=0.9), LOSS)
    prepared.fit(make_data().train, epochs=1, verbose=0, callbacks=callbacks(prepared))
    slots = {v.ref(): s for v, s in zip(prepared.trainable_variables, prepared.optimizer.velocities, strict=True)}
    weights = paths.weights(prepared)
    for path, array in mask.items():
        slot = slots[weights[path].ref()].numpy()
        assert np.all(slot[~array] == 0) and np.any(slot[array] != 0)


@pytest.mark.parametrize("scaled", [False, True])
def test_clipping_counts_live_weights_only(scaled):
    model = make_model()
    mask = make_mask(model)
    sparse, moves = sparsify(model, mask), []
    start = sparse.get_weights()
    for noise in (0.0, 100.0):  # in the gradients of dead weights
        sparse.set_weights(start)
        optimizer = keras.optimizers.SGD(1.0, global_clipnorm=1.0)
        if scaled:
            optimizer = keras.mixed_precision.LossScaleOptimizer(optimizer, dynamic=False, initial_scale=1.0)
        mask_gradients(optimizer, sparse.trainable_variables)
        masks = [getattr(v.constraint, "mask", tf.ones_like(v)) for v in sparse.trainable_variables]
        gradients = [tf.where(m > 0, 1.0, noise) for m in masks]
        optimizer.apply_gradients(zip(gradients, sparse.trainable_variables, strict=True))
        moves.append(sparse.get_weights())
    for one, other in zip(*moves, strict=True):
        np.testing.assert_array_equal(one, other)
    assert any(np.any(now != before) for now, before in zip(moves[0], start, strict=True))


def test_a_dense_model_keeps_its_optimizer():
    optimizer = keras.optimizers.SGD(1.0)
    before = optimizer.aggregate_gradients
    mask_gradients(optimizer, make_model().trainable_variables)
    assert optimizer.aggregate_gradients == before


def test_many_fits_mask_once(task, mask):
    prepared = prepare(make_model(), mask, "none", task)
    prepared.compile(SGD(0.01), LOSS)
    before = prepared.optimizer.aggregate_gradients
    for _ in range(3):
        prepared.fit(make_data().train, verbose=0, callbacks=callbacks(prepared))
        assert prepared.optimizer.aggregate_gradients.unmasked == before
    assert dead(strip(prepared), mask) == 0


def test_adafactor_meets_filters_without_a_weight(task):
    """It divides by the means of a row's and a column's squares: of gradients that are all 0 it would make NaN."""
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(16), keras.layers.Dense(3)]
    )
    mask = make_mask(model, density=0.02)
    prepared = prepare(model, mask, "none", task)
    prepared.compile(keras.optimizers.Adafactor(0.01), LOSS)
    losses = prepared.fit(make_data().train, epochs=3, verbose=0, callbacks=callbacks(prepared)).history["loss"]
    assert np.isfinite(losses).all() and dead(strip(prepared), mask) == 0
    averaged = Task(make_data(), optimizer=lambda task: keras.optimizers.Adafactor(use_ema=True))
    plain = Task(make_data(), optimizer=lambda task: keras.optimizers.Adafactor())
    for task, options in ((averaged, {}), (plain, {"live_gradients": True})):
        with pytest.raises(ValueError, match="Adafactor takes no gradients that are 0"):
            train(model, task, mask, "none", **options)


def test_averages_and_several_fits_do_not_go_together(model, mask):
    task = Task(make_data(), epochs=2, optimizer=lambda task: SGD(0.01, use_ema=True))
    with pytest.raises(ValueError, match="use_ema and compact"):
        train(model, task, mask, "none", compact=True)
    train(model, task, mask, "none", verbose=0)
    assert dead(model, mask) == 0
