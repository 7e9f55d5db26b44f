"""Ghosts leave the training graph at the right batch, and training goes on as if they had stayed at strength 0."""

import csv

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import dead, make_data, make_mask, slow
from tfsparse.recipe import Recipe, callbacks, clocks, ghosts_leave, prepare, strip
from tfsparse.recipe.callbacks import GhostsLeave
from tfsparse.recipe.strength import Ghost
from tfsparse.task import Task
from tfsparse.task.sgd import SGD

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def make_prepared(share="0.5", mask=None, epochs=4, recipe="ghost_neurons(share={0}),ghost_skips(share={0})"):
    """4 steps an epoch: the default share lets ghosts live for 8 steps."""
    layers = keras.layers
    x = keras.Input((8, 8, 3))
    y = layers.BatchNormalization(name="norm")(layers.Conv2D(2, 3, 4, "same", use_bias=False, name="conv")(x))
    model = keras.Model(x, layers.Dense(3, name="head")(layers.Flatten()(layers.ReLU(name="relu")(y))))
    task = Task(make_data(), epochs=epochs, learning_rate=0.01)
    mask = make_mask(model) if mask is None else mask
    prepared = prepare(model, mask, recipe.format(share), task)
    prepared.compile(SGD(0.01, momentum=0.9), LOSS)
    return prepared, mask


def ghosts(model):
    return [layer for layer in model.layers if isinstance(layer, Ghost)]


class Records(keras.callbacks.Callback):
    """Before every batch: how many ghosts are gone."""

    def __init__(self):
        super().__init__()
        self.gone = []

    def on_train_batch_begin(self, batch, logs=None):
        self.gone.append(sum(ghost.gone for ghost in ghosts(self.model)))


@pytest.mark.parametrize("share, last", [slow("0.5", 8), ("0.4", 6), ("1.0", 16)])
def test_ghosts_leave_at_their_batch_also_within_an_epoch(share, last):
    prepared, _ = make_prepared(share)
    records = Records()
    prepared.fit(make_data().train, epochs=4, verbose=0, callbacks=[*callbacks(prepared), records])
    assert records.gone == [0] * last + [2] * (16 - last)
    assert all(ghost.gone for ghost in ghosts(prepared))


def test_each_kind_has_its_own_time():
    prepared, _ = make_prepared(recipe="ghost_neurons(share=0.25),ghost_skips(share=0.5)")
    records = Records()
    prepared.fit(make_data().train, epochs=3, verbose=0, callbacks=[*callbacks(prepared), records])
    assert records.gone == [0] * 4 + [1] * 4 + [2] * 4


def test_several_steps_an_execution_and_devices(strategy):
    with strategy.scope():
        prepared, mask = make_prepared("0.3")  # 5 steps, in the middle of an execution
        prepared.compile(SGD(0.01, momentum=0.9), LOSS, steps_per_execution=4)
    records = Records()
    prepared.fit(make_data().train, epochs=3, verbose=0, callbacks=[*callbacks(prepared), records])
    assert records.gone == [0, 0, 2] and dead(prepared, mask) == 0
    x = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype("float32")
    np.testing.assert_allclose(prepared(x), strip(prepared)(x), atol=1e-5)


def test_leaving_changes_no_number():
    """With and without our callbacks: the same losses and weights."""
    data, histories, weights = make_data(shuffle=False), [], []
    for with_callbacks in (True, False):
        keras.utils.set_random_seed(1)
        prepared, _ = make_prepared()
        chosen = callbacks(prepared) if with_callbacks else []
        history = prepared.fit(
            data.train, epochs=4, verbose=0, callbacks=chosen, validation_data=data.validation
        ).history
        histories.append([*history["loss"], *history["val_loss"]])
        weights.append(strip(prepared).get_weights())
    np.testing.assert_allclose(*histories, rtol=1e-4)
    for ours, theirs in zip(*weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("how", [slow({}), {"steps_per_execution": 4}])
def test_training_and_evaluation_go_on_afterwards(how, caplog):
    prepared, mask = make_prepared()
    prepared.compile(SGD(0.01, momentum=0.9), LOSS, **how)
    data = make_data()
    before = prepared.predict(data.test, verbose=0)  # traces with the ghosts in
    prepared.evaluate(data.test, verbose=0)
    prepared.fit(data.train, epochs=3, verbose=0, callbacks=callbacks(prepared))
    assert prepared.predict_function is None, "predict would go on executing the ghosts"
    plain = strip(prepared)
    plain.compile(loss=LOSS)
    assert prepared.evaluate(data.test, verbose=0) == pytest.approx(plain.evaluate(data.test, verbose=0), abs=1e-5)
    after = prepared.predict(data.test, verbose=0)
    np.testing.assert_allclose(after, plain.predict(data.test, verbose=0), atol=1e-5)
    assert np.abs(after - before).max() > 1e-3
    prepared.fit(data.train, epochs=2, verbose=0, callbacks=callbacks(prepared))
    assert prepared.optimizer.iterations == 20 and dead(prepared, mask) == 0
    assert np.any(strip(prepared).get_weights()[0] != plain.get_weights()[0])
    assert "Gradients do not exist" not in caplog.text


def test_logs_tell_the_strengths(tmp_path):
    prepared, _ = make_prepared()
    writers = [keras.callbacks.CSVLogger(f"{tmp_path}/log.csv"), keras.callbacks.TensorBoard(str(tmp_path))]
    history = prepared.fit(make_data().train, epochs=3, verbose=0, callbacks=[*callbacks(prepared), *writers]).history
    assert history["ghost_neurons"] == history["ghost_skips"] == [0.5, 0.0, 0.0]
    with open(f"{tmp_path}/log.csv", newline="", encoding="utf-8") as file:
        assert [float(row["ghost_skips"]) for row in csv.DictReader(file)] == [0.5, 0.0, 0.0]
    (events,) = (tmp_path / "train").glob("events.*")
    tags = {v.tag for event in tf.compat.v1.train.summary_iterator(str(events)) for v in event.summary.value}
    assert {"epoch_ghost_neurons", "epoch_ghost_skips"} <= tags


def test_constant_ghosts_stay():
    prepared, _ = make_prepared(recipe="ghost_neurons(hand_over='constant')")
    records = Records()
    history = prepared.fit(make_data().train, epochs=2, verbose=0, callbacks=[*callbacks(prepared), records]).history
    assert not any(records.gone) and history["ghost_neurons"] == [1.0, 1.0]


def test_tensorboard_finds_the_graph_of_a_first_batch_that_ends_the_ghosts(tmp_path):
    prepared, _ = make_prepared("0.05")
    board = keras.callbacks.TensorBoard(tmp_path)
    prepared.fit(make_data().train, epochs=1, verbose=0, callbacks=[*callbacks(prepared), board])
    assert all(ghost.gone for ghost in ghosts(prepared)) and list(tmp_path.rglob("events*"))


def test_without_ghosts_there_is_nothing_to_do():
    prepared, _ = make_prepared(recipe="label_smoothing")
    assert not any(isinstance(one, GhostsLeave) for one in callbacks(prepared))
    assert clocks(prepared) == {} and not ghosts_leave(prepared)
    assert Recipe("label_smoothing").loss(LOSS) is not LOSS


def test_a_custom_loop_asks_by_itself():
    prepared, _ = make_prepared()
    x = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype("float32")
    for step in range(8):
        assert not ghosts_leave(prepared), step
        prepared(x, training=True)
    assert ghosts_leave(prepared) and all(ghost.gone for ghost in ghosts(prepared)) and not ghosts_leave(prepared)
    assert not any("ghost" in variable.name for variable in prepared.trainable_variables)
