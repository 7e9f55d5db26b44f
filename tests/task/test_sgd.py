"""SGD as PyTorch has it."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import make_data
from tfsparse.task.sgd import SGD


def by_hand(w, gradients, rates, momentum=0.9, decay=0.01):
    """PyTorch's update, written out."""
    v = np.zeros_like(w)
    for gradient, rate in zip(gradients, rates, strict=True):
        v = momentum * v + gradient + decay * w
        w = w - rate * v
    return w


@pytest.mark.parametrize("legacy", [False, True])
def test_the_velocity_does_not_hold_the_rate(legacy):
    """Over a drop of the rate it equals the update by hand; Keras' own SGD does not."""
    random = np.random.default_rng(0)
    start, gradients = random.normal(size=(4,)), random.normal(size=(6, 4))
    rates = [0.1, 0.1, 0.1, 0.01, 0.01, 0.01]
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.1, 0.01])
    keras_own = keras.optimizers.legacy.SGD if legacy else keras.optimizers.SGD
    results = []
    for optimizer in (SGD(schedule, momentum=0.9, weight_decay=0.01), keras_own(schedule, momentum=0.9)):
        w = tf.Variable(start, dtype=tf.float32)
        for gradient in gradients:
            optimizer.apply_gradients([(tf.constant(gradient, tf.float32), w)])
        results.append(w.numpy())
    np.testing.assert_allclose(results[0], by_hand(start, gradients, rates), rtol=1e-5)
    assert np.abs(results[1] - by_hand(start, gradients, rates, decay=0)).max() > 0.01


def test_every_weight_decays_once():
    x = keras.Input((4,))
    model = keras.Model(x, keras.layers.BatchNormalization()(keras.layers.Dense(3)(x)))
    for variable in model.trainable_variables:
        variable.assign(tf.ones(variable.shape))
    optimizer = SGD(1.0, momentum=0.0, weight_decay=0.25)
    optimizer.apply_gradients([(tf.zeros(v.shape), v) for v in model.trainable_variables])
    assert len(model.trainable_variables) == 4
    for variable in model.trainable_variables:
        np.testing.assert_allclose(variable, 0.75)


def test_weights_in_float64_are_stepped_in_float64():
    random = np.random.default_rng(0)
    start, gradients = random.normal(size=(4,)), random.normal(size=(6, 4))
    w, optimizer = tf.Variable(start), SGD(0.125, momentum=0.9, weight_decay=0.01)
    for gradient in gradients:
        optimizer.apply_gradients([(tf.constant(gradient), w)])
    np.testing.assert_allclose(w, by_hand(start, gradients, [0.125] * 6), rtol=1e-13)


def test_a_step_goes_over_the_weights_once():
    """Keras' own decay, even of 0, would assign every weight once more."""
    w = tf.Variable([1.0, 2.0])
    optimizer = SGD(0.1, momentum=0.9, weight_decay=0.1)
    optimizer.build([w])
    step = tf.function(lambda: optimizer.apply_gradients([(w * 2.0, w)])).get_concrete_function()
    changes = [op.type for op in step.graph.get_operations() if "Apply" in op.type or "Assign" in op.type]
    assert sorted(changes) == ["AssignAddVariableOp", "ResourceApplyMomentum"], (
        "the number of the step, and the weights"
    )


def test_what_is_excluded_does_not_decay():
    one, other = tf.Variable(1.0, name="w"), tf.Variable(1.0, name="w")
    optimizer = SGD(1.0, momentum=0.0, weight_decay=0.25)
    optimizer.exclude_from_weight_decay(var_list=[one])
    optimizer.apply_gradients([(tf.constant(0.0), one), (tf.constant(0.0), other)])
    assert (float(one), float(other)) == (1.0, 0.75)
    with pytest.raises(ValueError, match="var_list"):
        optimizer.exclude_from_weight_decay(var_names=["w"])


def test_it_can_be_saved():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.1, 0.01])
    for rate in (0.3, schedule):
        optimizer = SGD(rate, momentum=0.8, weight_decay=0.02, clipnorm=1.0)
        again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
        assert type(again) is SGD and (again.momentum, again.l2, again.clipnorm) == (0.8, 0.02, 1.0)
        assert float(again.learning_rate) == float(optimizer.learning_rate)


def test_checkpoints_keep_the_velocity(tmp_path):
    def fresh():
        w = tf.Variable([1.0, 2.0])
        optimizer = SGD(0.1, momentum=0.9)
        optimizer.build([w])
        return w, optimizer

    w, optimizer = fresh()
    optimizer.apply_gradients([(tf.constant([1.0, -1.0]), w)])
    path = tf.train.Checkpoint(w=w, optimizer=optimizer).save(f"{tmp_path}/c")
    other, restored = fresh()
    tf.train.Checkpoint(w=other, optimizer=restored).restore(path).assert_consumed()
    for optimizer_, variable in ((optimizer, w), (restored, other)):
        optimizer_.apply_gradients([(tf.zeros(2), variable)])
    np.testing.assert_array_equal(w, other)
    assert restored.iterations == 2


def test_gradients_of_embeddings_are_taken():
    table = tf.Variable(tf.ones((3, 2)))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.gather(table, [1, 1]))
    SGD(0.1, momentum=0.9, weight_decay=1.0).apply_gradients([(tape.gradient(loss, table), table)])
    np.testing.assert_allclose(table, [[0.9] * 2, [0.7] * 2, [0.9] * 2], rtol=1e-6)


@pytest.mark.parametrize("how", [{}, {"jit_compile": True}])
def test_devices_and_compilation_take_the_same_steps(strategy, how):
    """Two halves of a batch on two devices, and XLA, give what one device gives."""
    data, weights = make_data(shuffle=False), []
    for where in (tf.distribute.get_strategy(), strategy):
        keras.utils.set_random_seed(0)
        with where.scope():
            model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            given = how if where is not strategy or strategy.num_replicas_in_sync == 1 else {}
            model.compile(SGD(0.01, momentum=0.9, weight_decay=0.1), loss, **given)
        model.fit(data.train, epochs=2, verbose=0)
        weights.append(model.get_weights())
    for one, two in zip(*weights, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


def test_loss_scaling_is_undone():
    """What mixed float16 wraps it in: gradients come scaled, steps are the same, a step with infinities is left out."""
    plain, scaled = tf.Variable([1.0, 2.0]), tf.Variable([1.0, 2.0])
    optimizer = SGD(0.1, momentum=0.9, weight_decay=0.1)
    wrapped = keras.mixed_precision.LossScaleOptimizer(SGD(0.1, momentum=0.9, weight_decay=0.1))
    for _ in range(3):
        optimizer.apply_gradients([(plain * 2.0, plain)])
        with tf.GradientTape() as tape:
            loss = wrapped.get_scaled_loss(tf.reduce_sum(scaled**2))
        wrapped.apply_gradients(
            zip(wrapped.get_unscaled_gradients(tape.gradient(loss, [scaled])), [scaled], strict=True)
        )
    np.testing.assert_allclose(plain, scaled, rtol=1e-6)
    wrapped.apply_gradients([(tf.constant([np.inf, 0.0]), scaled)])
    np.testing.assert_allclose(plain, scaled, rtol=1e-6)
