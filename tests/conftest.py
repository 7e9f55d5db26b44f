"""Two virtual CPUs, tiny models and tasks, and random states that no test hands on."""

import tfsparse  # noqa: F401  isort: skip  (chooses Keras 2 before TensorFlow is imported)

import functools
import gc

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from tensorflow.python.framework.config import disable_op_determinism

from tfsparse.mask import Mask, prunable
from tfsparse.task import Data, Task

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


def pytest_collection_finish(session):
    """What all these imports have made stays to the end: the garbage collector need not look through it a thousand times."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)  # a traced function is ten thousands of objects that all live


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)
    yield
    keras.mixed_precision.set_global_policy("float32")
    keras.backend.clear_session()
    disable_op_determinism()  # a run turns it on for the rest of its process


def slow(*values):
    """A case of a test that runs with `-m slow` only: quicker ones show nearly the same."""
    return pytest.param(*values, marks=pytest.mark.slow)


@functools.cache
def two_devices():
    """Two virtual CPUs. TensorFlow numbers the collectives of each strategy anew, so a process can have one only."""
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


@pytest.fixture(params=["one", "mirrored"])
def strategy(request):
    """One device, and two."""
    return two_devices() if request.param == "mirrored" else tf.distribute.get_strategy()


def make_model(name="tiny", classes=3):
    """Convolutions with norms, a residual sum, a fused ReLU and a classifier, 8x8x3 to 3 logits."""
    layers = keras.layers
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", use_bias=False, name="stem")(inputs)
    x = skip = layers.ReLU(name="relu0")(layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name="norm0")(x))
    x = layers.Conv2D(4, 3, padding="same", use_bias=False, name="conv1")(x)
    x = layers.Activation("relu", name="relu1")(layers.BatchNormalization(name="norm1")(x))
    x = layers.BatchNormalization(name="norm2")(layers.Conv2D(4, 3, padding="same", use_bias=False, name="conv2")(x))
    x = layers.ReLU(name="relu2")(layers.Add(name="add")([x, skip]))
    x = layers.Dense(8, activation="relu", name="hidden")(layers.GlobalAveragePooling2D(name="pool")(x))
    return keras.Model(inputs, layers.Dense(classes, name="head")(x), name=name)


class Subclassed(keras.Model):
    """Hides its graph: masked in place, without wrappers, and without a place for ghosts."""

    def __init__(self):
        super().__init__()
        self.flatten, self.head = keras.layers.Flatten(), keras.layers.Dense(3)
        self(np.zeros((1, 8, 8, 3), "float32"))

    def call(self, x):
        return self.head(self.flatten(x))


def started():
    """The same model at every call."""
    keras.utils.set_random_seed(0)
    return make_model()


def same_weights(model, other):
    return all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))


class Stops(keras.callbacks.Callback):
    """Ends a training as Ctrl-C does, after the given step."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) == self.step:
            raise KeyboardInterrupt


def make_mask(model, density=0.4, seed=0):
    """Random, `density` of each weight alive."""
    random = np.random.default_rng(seed)
    return Mask({name: random.random(variable.shape) < density for name, variable in prunable(model).items()})


def make_data(count=32, batch_size=8, classes=3, **options):
    """Images whose mean brightness tells the class, so that a network can learn them."""
    random = np.random.default_rng(1)
    labels = np.arange(count) % classes
    images = random.normal(size=(count, 8, 8, 3)).astype("float32") + labels[:, None, None, None]
    part = (images[: count // 2], labels[: count // 2])
    return Data.from_arrays(train=(images, labels), validation=part, test=part, batch_size=batch_size, **options)


def dead(model, mask):
    """How many masked weights of `model` are not exactly 0."""
    weights = prunable(model)
    return sum(np.count_nonzero(weights[name].numpy()[~array]) for name, array in mask.items())


@pytest.fixture
def model():
    return make_model()


@pytest.fixture
def mask(model):
    return make_mask(model)


@pytest.fixture
def data():
    return make_data()


@pytest.fixture
def task(data):
    return Task(data, epochs=2, learning_rate=0.05)
