"""The clock of the ghosts counts training batches, once each, however a step is taken."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import make_data, make_mask, slow
from tfsparse.recipe import clocks, prepare
from tfsparse.recipe.strength import Strength
from tfsparse.task import Task

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def make_prepared():
    """32 images in batches of 8, 4 epochs: 16 steps; the ghosts live for 8 and 4."""
    layers = [keras.layers.Conv2D(2, 3, 4, "same", activation="relu"), keras.layers.Flatten(), keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input((8, 8, 3)), *layers])
    recipe = "ghost_neurons(share=0.5),ghost_skips(share=0.25)"
    return prepare(model, make_mask(model), recipe, Task(make_data(), epochs=4))


def counts(model):
    return [clock.count for clock in clocks(model).values()]


@pytest.mark.parametrize("how", [{}, {"steps_per_execution": 4}, {"jit_compile": True}, slow({"run_eagerly": True})])
def test_fit_counts_every_batch(how):
    prepared, data = make_prepared(), make_data()
    prepared.compile("sgd", LOSS, **how)
    prepared.fit(data.train, epochs=2, verbose=0, validation_data=data.validation)
    prepared.predict(data.test, verbose=0)
    assert counts(prepared) == [8, 8]


def test_devices_do_not_count_twice(strategy):
    with strategy.scope():
        prepared = make_prepared()
        prepared.compile("sgd", LOSS, steps_per_execution=2)
    prepared.fit(make_data().train, epochs=3, verbose=0)
    assert counts(prepared) == [12, 12]
    assert [clock.now for clock in clocks(prepared).values()] == [0, 0]


def test_a_custom_loop_counts_and_inference_does_not():
    prepared, images = make_prepared(), np.zeros((2, 8, 8, 3), "float32")

    @tf.function
    def call(training):
        return prepared(images, training=training)

    for _ in range(3):
        call(True)
        call(False)
        prepared(images)
        prepared(images, training=False)
    assert counts(prepared) == [3, 3]
    tf.function(lambda flag: prepared(images, training=flag))(tf.constant(True))  # a flag only known at run time
    assert counts(prepared) == [4, 4]


@pytest.mark.parametrize(
    "hand_over, expected",
    [("gradual", [1, 0.75, 0.5, 0.25, 0, 0]), ("step", [1, 1, 1, 1, 0, 0]), ("constant", [1, 1, 1, 1, 1, 1])],
)
def test_the_hand_overs(hand_over, expected):
    clock = Strength(4, hand_over)
    assert [float(clock(tf.zeros((1, 1)), training=True)) for _ in range(6)] == expected
    assert Strength.from_config(clock.get_config()).get_config() == clock.get_config()


def test_an_unknown_hand_over_is_refused():
    with pytest.raises(ValueError, match="Unknown hand_over 'sudden'"):
        Strength(4, "sudden")


@pytest.mark.parametrize("suffix", [".keras", ""])
def test_saving_keeps_the_count_and_the_numbers(tmp_path, suffix):
    prepared, data = make_prepared(), make_data()
    prepared.compile("sgd", LOSS)
    prepared.fit(data.train, verbose=0)
    prepared.save(f"{tmp_path}/model{suffix}")
    loaded = keras.models.load_model(f"{tmp_path}/model{suffix}")
    assert counts(loaded) == [4, 4]
    assert {name: clock.now for name, clock in clocks(loaded).items()} == {"ghost_neurons": 0.5, "ghost_skips": 0}
    x = next(iter(data.train))[0]
    np.testing.assert_allclose(loaded(x), prepared(x), atol=1e-5)
    np.testing.assert_allclose(loaded(x, training=True), prepared(x, training=True), atol=1e-5)


def test_checkpoints_keep_the_count(tmp_path):
    prepared, other = make_prepared(), make_prepared()
    prepared.compile("sgd", LOSS)
    prepared.fit(make_data().train, verbose=0)
    path = tf.train.Checkpoint(model=prepared).save(f"{tmp_path}/c")
    tf.train.Checkpoint(model=other).restore(path).assert_existing_objects_matched()
    assert counts(other) == [4, 4]


def test_mixed_precision_keeps_the_schedule_exact():
    keras.mixed_precision.set_global_policy("mixed_float16")
    prepared = make_prepared()
    assert {clock.output.dtype for clock in clocks(prepared).values()} == {tf.float32}
    assert {clock.step.dtype for clock in clocks(prepared).values()} == {tf.int64}
