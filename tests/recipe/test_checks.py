"""What would train or end otherwise than its user thinks is refused, or said."""

import logging

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import Subclassed, dead, make_data, make_mask, make_model, slow
from tfsparse.experiment import train
from tfsparse.mask import Mask
from tfsparse.recipe import callbacks, prepare, strip
from tfsparse.task import Task

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
K = keras.layers


def warnings(caplog):
    ours = [record for record in caplog.records if record.name.startswith("tfsparse")]
    return [record.getMessage() for record in ours if record.levelno == logging.WARNING]


@pytest.mark.parametrize("epochs", [1, 2])
def test_ghosts_that_live_at_the_end_are_named(epochs, mask, caplog):
    prepared = prepare(make_model(), mask, "ghost_skips(share=0.5)", Task(make_data(), epochs=4))
    prepared.compile("sgd", LOSS)
    prepared.fit(make_data().train, epochs=epochs, verbose=0, callbacks=callbacks(prepared))
    strip(prepared)
    alive = [text for text in warnings(caplog) if "ghosts lived (ghost_skips at strength 0.50)" in text]
    assert len(alive) == len(warnings(caplog)) == (1 if epochs == 1 else 0)


def test_ghosts_that_shall_stay_are_no_news(mask, task, caplog):
    train(make_model(), task, mask, "ghost_skips(hand_over='constant')", verbose=0)
    assert not warnings(caplog)


@pytest.mark.parametrize(
    "recipe", [slow("ghost_neurons"), "ghost_skips", slow("rescaled_init(iterations=1)"), "label_smoothing"]
)
def test_a_recipe_for_new_networks_on_a_trained_one_is_named(recipe, mask, task, caplog):
    model = make_model()
    prepare(model, mask, recipe, task)
    assert not warnings(caplog)
    (norm, *_) = (layer for layer in model.layers if isinstance(layer, K.BatchNormalization))
    norm.moving_mean.assign_add(tf.ones_like(norm.moving_mean))
    prepare(model, mask, recipe, task)
    named = [
        text for text in warnings(caplog) if f"its norm {norm.name!r} has statistics. The recipe {recipe!r}" in text
    ]
    assert len(named) == len(warnings(caplog)) == (0 if recipe == "label_smoothing" else 1)
    norm.trainable = False
    caplog.clear()
    prepare(model, mask, recipe, task)
    assert not warnings(caplog), "frozen features have been trained, and stay"


def test_early_stopping_that_brings_ghosts_back_is_named(model, mask, task, caplog):
    """The best epoch was one in which they lived, and its weights mean nothing without them."""

    class StopsWithOldWeights(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.old = self.model.get_weights()

        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                self.model.set_weights(self.old)

    train(model, task, mask, "ghost_skips(share=0.5)", verbose=0, callbacks=[StopsWithOldWeights()])
    assert any("ghosts lived (ghost_skips at strength 1.00)" in text for text in warnings(caplog))


@pytest.mark.parametrize("subclassed", [False, True])
def test_a_ticket_without_its_weights_is_named(subclassed, task, caplog):
    model = Subclassed() if subclassed else make_model()
    arrays = make_mask(model)
    other = {path: array + 1.0 for path, array in zip(arrays, arrays.values(), strict=True)}
    ticket = Mask(arrays, weights=other)
    train(model, task, ticket, "none", verbose=0)
    (said,) = warnings(caplog)
    assert "found for other weights" in said and "mask.rewind(model)" in said
    caplog.clear()
    ticket.rewind(model)
    train(model, task, ticket, "none", verbose=0)
    assert not warnings(caplog)


def test_what_is_prepared_already_is_refused(mask, task):
    for recipe, given in (("none", mask), ("ghost_neurons", None)):
        prepared = prepare(make_model(), given, recipe, task)
        for again in (
            lambda p: prepare(p, None, "ghost_skips", task),
            lambda p: train(p, task, None, "none", verbose=0),
        ):
            with pytest.raises(
                ValueError, match="is prepared or wrapped already: layer .* Take the plain model: ts.strip"
            ):
                again(prepared)


def test_zeros_that_a_step_of_ones_own_has_moved_are_zeros_again(mask, task, caplog):
    prepared = prepare(make_model(), mask, "none", task)
    for variable in prepared.trainable_variables:
        variable.assign_add(tf.ones_like(variable))
    plain = strip(prepared)
    (said,) = warnings(caplog)
    assert "were not 0 any more" in said and dead(plain, mask) == 0
    caplog.clear()
    strip(prepared)
    assert not warnings(caplog)


@pytest.mark.parametrize("layer", [K.Dense, K.Conv2D])
def test_a_regularizer_of_activities_is_that_of_the_model(layer, task):
    """The ReLU that is taken out of a layer would leave it behind, on what comes before the ReLU."""
    options = {"activation": "relu", "activity_regularizer": "l1", "name": "regular"}
    x = keras.Input((8, 8, 3))
    y = layer(4, 3, **options)(x) if layer is K.Conv2D else layer(4, **options)(x)
    model = keras.Model(x, K.Dense(3)(K.Flatten()(K.ReLU()(y))))
    images = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype("float32")
    losses = []
    for each in (model, prepare(model, None, "ghost_neurons", task), prepare(model, None, "none", task)):
        each(images, training=True)
        losses.append(float(each.losses[0]))
    np.testing.assert_allclose(losses, losses[0], rtol=1e-5)


class Outer(K.Layer):
    """Gives its part, by its own configuration, what the part's configuration does not hold."""

    def __init__(self, regularizer, **kwargs):
        super().__init__(**kwargs)
        self.regularizer, self.part = regularizer, K.Activation("relu", activity_regularizer=regularizer)

    def call(self, x):
        return self.part(x)

    def get_config(self):
        return {**super().get_config(), "regularizer": self.regularizer}


def test_a_regularizer_that_a_copy_would_lose_is_refused(task):
    for layer in (K.Activation("relu", activity_regularizer="l2"), K.ReLU(activity_regularizer="l2")):
        model = keras.Sequential([keras.Input((8, 8, 3)), K.Flatten(), layer, K.Dense(3)])
        with pytest.raises(ValueError, match=f"{layer.name}.*activity_regularizer.*ActivityRegularization behind"):
            train(model, task, None, "none", verbose=0)
    for whole in (K.ActivityRegularization(l2=0.1), Outer("l2")):
        model = keras.Sequential([keras.Input((8, 8, 3)), K.Flatten(), whole, K.Dense(3)])
        train(model, task, None, "none", verbose=0)
