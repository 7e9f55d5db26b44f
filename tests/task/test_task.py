"""What a task refuses, and the loss and optimizer that it makes."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import make_data, make_model
from tfsparse.task import Data, Task
from tfsparse.task.sgd import SGD

K = keras.layers


def batches(images, labels):
    return tf.data.Dataset.from_tensor_slices((images, labels)).batch(2)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"epochs": 0}, "epochs must be a whole number of at least 1, received 0"),
        ({"epochs": 1.5}, "epochs must be a whole number"),
        ({"epochs": float("inf")}, "epochs must be a whole number"),
        ({"learning_rate": -0.1}, "learning_rate must be a number in \\[0, inf\\), received -0.1"),
        ({"learning_rate": float("nan")}, "learning_rate must be a number"),
        ({"momentum": 1.0}, "momentum must be a number in .0, 1., received 1.0"),
        ({"weight_decay": -1}, "weight_decay must be"),
        ({"seed": -1}, "seed must be a whole number of at least 0, received -1"),
        ({"seed": 0.5}, "seed must be a whole number of at least 0, received 0.5"),
        ({"seed": None}, "seed must be a whole number"),
        ({"epochs": 10**400}, "epochs must be a whole number"),
        ({"schedule": "steps"}, "Unknown schedule 'steps'. Did you mean 'step'"),
        ({"schedule": "step(drop=0.5)"}, "no option 'drop'. Did you mean 'drops'"),
    ],
)
def test_bad_values_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Task(make_data(), **options)


def test_numbers_of_any_kind_will_do():
    """A rate of 1 was an integer to the cosine."""
    task = Task(make_data(), learning_rate=1, momentum=0, weight_decay=np.float32(0), schedule="cosine")
    assert float(task.make_optimizer().learning_rate) == 1.0 and isinstance(task.weight_decay, float)


def test_data_must_be_data():
    with pytest.raises(TypeError, match="Task needs Data .*received ndarray"):
        Task(np.zeros(3))


def test_the_default_protocol():
    task = Task(make_data(), epochs=160)
    optimizer = task.make_optimizer()
    assert task.steps == 640 and type(optimizer) is SGD
    assert (optimizer.momentum, optimizer.l2, round(float(optimizer.learning_rate), 6)) == (0.9, 2e-4, 0.1)
    assert task.make_optimizer() is not optimizer
    own = Task(make_data(), optimizer=lambda task: keras.optimizers.Adam(task.learning_rate / 10))
    assert isinstance(own.make_optimizer(), keras.optimizers.Adam)


def test_the_loss_fits_labels_and_outputs():
    x = np.zeros((6, 4), "float32")
    hard = Task(Data.from_arrays(train=(x, np.arange(6) % 3), batch_size=2))
    soft = Task(Data.from_arrays(train=(x, np.eye(3)[np.arange(6) % 3]), batch_size=2))
    assert soft.soft_labels and not hard.soft_labels
    inputs = keras.Input((4,))
    for task, kind in (
        (hard, keras.losses.SparseCategoricalCrossentropy),
        (soft, keras.losses.CategoricalCrossentropy),
    ):
        for activation in ("linear", "softmax"):
            model = keras.Model(inputs, K.Dense(3, activation=activation)(inputs))
            loss = task.loss_for(model)
            assert type(loss) is kind and loss.get_config()["from_logits"] == (activation == "linear")
            images, labels = next(iter(task.data.train))
            assert float(loss(labels, model(images))) == pytest.approx(np.log(3), rel=1e-5)  # zeros in, uniform out
    own = keras.losses.MeanSquaredError()
    assert Task(make_data(), loss=own).loss_for(make_model()) is own


@pytest.mark.parametrize("labels", [np.arange(6) % 3, np.eye(3)[np.arange(6) % 3]], ids=["numbers", "vectors"])
def test_a_class_without_an_output_is_refused(labels):
    data = Data.from_arrays(train=(np.zeros((6, 4), "float32"), labels), batch_size=2, name="mine")
    inputs = keras.Input((4,))
    small, large = (keras.Model(inputs, K.Dense(units)(inputs), name="net") for units in (2, 3))
    with pytest.raises(ValueError, match="'net' has 2 outputs, the data 'mine' has 3 classes.*last layer 3 units"):
        Task(data).loss_for(small)
    assert Task(data).loss_for(large)
    single = keras.Model(inputs, K.Dense(3, "sigmoid")(inputs), name="net")
    with pytest.raises(ValueError, match="'net' ends in a sigmoid, .* 'mine' have one class an image"):
        Task(data).loss_for(single)
    assert Task(data, loss=keras.losses.BinaryCrossentropy()).loss_for(single)
    assert Task(data, loss=keras.losses.MeanSquaredError()).loss_for(small)


@pytest.mark.parametrize("given", [{}, {"num_classes": 3, "steps_per_epoch": 2}])
def test_labels_each_on_their_own_need_a_loss(given):
    """They were trained as classes of which one is right, and an accuracy was reported that meant nothing."""
    tags = np.array([[1, 1, 0], [0, 0, 1]] * 2, "float32")
    data = Data.from_datasets(train=batches(np.zeros((4, 4), "float32"), tags), name="tags", **given)
    model = keras.Sequential([keras.Input((4,)), K.Dense(3)])
    with pytest.raises(ValueError, match="labels of 'tags' are vectors that do not add up to 1: .*BinaryCrossentropy"):
        Task(data).loss_for(model)
    assert Task(data, loss=keras.losses.BinaryCrossentropy(from_logits=True)).loss_for(model)
    shares = Data.from_datasets(train=batches(np.zeros((4, 4), "float32"), np.full((4, 3), 1 / 3)), **given)
    assert Task(shares).loss_for(model)


def test_an_optimizer_that_is_the_same_again_is_refused():
    """The second training failed deep in Keras, after a whole round of `imp`."""
    one = keras.optimizers.Adam()
    with pytest.raises(ValueError, match="must be a new one at every call.*received the same twice"):
        Task(make_data(), optimizer=lambda task: one).make_optimizer()
