"""Which outputs are taken for probabilities."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsparse.task import Data, Task
from tfsparse.task.accuracy import threshold_of
from tfsparse.task.endings import ends_in, last_layer

K = keras.layers


def test_probabilities_are_recognised():
    x = keras.Input((3,))
    logits = K.Dense(2)
    inner = keras.Sequential([keras.Input((3,)), K.Dense(2, activation=tf.nn.softmax)])
    yes = [
        K.Softmax()(logits(x)),
        K.Activation("softmax", dtype="float32")(logits(x)),
        tf.nn.softmax(logits(x)),
        inner(x),
    ]
    assert all(ends_in(keras.Model(x, outputs), "softmax") for outputs in yes)
    labels = [
        K.Dense(2, activation="sigmoid")(x),
        K.Activation("sigmoid")(x),
        tf.nn.sigmoid(x),
        K.Flatten()(tf.sigmoid(x)),
    ]
    assert all(ends_in(keras.Model(x, outputs), "sigmoid") for outputs in labels)
    others = [logits(x), K.ReLU()(x), tf.nn.relu(x), x * 2.0]
    assert not any(ends_in(keras.Model(x, outputs), "softmax") for outputs in labels + others)
    assert not any(ends_in(keras.Model(x, outputs), "sigmoid") for outputs in yes + others)


def probabilities(x):
    return K.Dense(2, activation="softmax")(x)


PASSED = {
    "cast": lambda x, make: tf.cast(make(x), tf.float32),
    "cast to less": lambda x, make: tf.cast(make(x), "float16"),
    "identity": lambda x, make: tf.identity(make(x)),
    "reshape": lambda x, make: tf.reshape(make(x), (-1, 2)),
    "squeeze": lambda x, make: tf.squeeze(K.Reshape((2, 1))(make(x)), -1),
    "clipped": lambda x, make: tf.clip_by_value(make(x), 1e-7, 1 - 1e-7),
    "one of many": lambda x, make: K.Reshape((1, 2))(make(x))[:, 0],
    "mean": lambda x, make: K.GlobalAveragePooling1D()(
        K.TimeDistributed(keras.Model(x, make(x)))(K.RepeatVector(3)(x))
    ),
    "dropout": lambda x, make: K.Dropout(0.5)(make(x)),
    "average": lambda x, make: K.Average()([make(x), K.Dropout(0.5)(make(x))]),
    "nested": lambda x, make: keras.Sequential([keras.Input((2,)), K.Activation("linear")])(make(x)),
    "one of several": lambda x, make: keras.Model(x, [K.Dense(2)(x), make(x)])(x)[1],
}


@pytest.mark.parametrize("passed", sorted(PASSED))
@pytest.mark.parametrize("form", ["activation", "layer", "function", "operator"])
def test_what_changes_no_probability_is_passed_over(passed, form):
    """From which the loss is told whether it is given logits: with mixed precision, a cast to float32 is the usual end."""
    make = {
        "activation": probabilities,
        "layer": lambda x: K.Softmax()(K.Dense(2)(x)),
        "function": K.Dense(2, activation=tf.nn.softmax),
        "operator": lambda x: tf.nn.softmax(K.Dense(2)(x)),
    }[form]
    x = keras.Input((3,))
    model = keras.Model(x, PASSED[passed](x, make))
    assert ends_in(model, "softmax") and not ends_in(model, "sigmoid")
    task = Task(Data.from_arrays(train=(np.zeros((4, 3), "float32"), np.arange(4) % 2), batch_size=2))
    assert not task.loss_for(model).get_config()["from_logits"]
    assert not ends_in(keras.Model(x, PASSED[passed](x, K.Dense(2))), "softmax")


def test_a_sigmoid_is_seen_through_a_cast():
    x = keras.Input((3,))
    label = K.Dense(1, activation="sigmoid", dtype="mixed_bfloat16")(x)
    assert threshold_of(keras.Model(x, tf.cast(label, tf.float32))) == 0.5
    assert (
        threshold_of(keras.Model(x, tf.cast(tf.cast(label, tf.int32), tf.float32))) == 0.0
    )  # it is no probability any more


def test_merged_outputs_are_probabilities_if_all_are():
    x = keras.Input((3,))
    assert not ends_in(keras.Model(x, K.Average()([probabilities(x), K.Dense(2)(x)])), "softmax")
    assert not ends_in(keras.Model(x, K.Multiply()([probabilities(x), K.Dense(2)(x)])), "softmax")


def test_a_layer_called_twice_is_followed_to_the_call_that_made_the_outputs():
    x, flat = keras.Input((3,)), K.Flatten()
    assert ends_in(keras.Model(x, flat(probabilities(flat(x)))), "softmax")


def test_layers_of_steps_end_in_what_they_hold():
    x = keras.Input((5, 3))
    assert ends_in(keras.Model(x, K.TimeDistributed(K.Dense(2, activation="softmax"))(x)), "softmax")


def test_what_has_no_layers_ends_in_nothing():
    x = keras.Input((3,))
    assert not ends_in(keras.Model(x, K.Flatten()(x)), "softmax")
    assert isinstance(last_layer(keras.Model(x, K.Flatten()(x))), K.InputLayer)
