"""What a task cannot work with is refused in one line, before work."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import make_data, make_mask, make_model
from tfsparse import find_mask
from tfsparse.experiment import train
from tfsparse.mask import Mask
from tfsparse.recipe import callbacks, prepare, strip
from tfsparse.task import Data, Task
from tfsparse.task.accuracy import accuracy

K = keras.layers
TASK = Task(make_data(), epochs=1)


def several(inputs=1, outputs=1, named=False, shape=(8, 8, 3)):
    ins = [keras.Input(shape) for _ in range(inputs)]
    x = K.Conv2D(4, 3, padding="same", activation="relu")(ins[0] if inputs == 1 else K.Concatenate()(ins))
    outs = [K.Dense(3)(K.GlobalAveragePooling2D()(x)) for _ in range(outputs)]
    return keras.Model(ins, {"classes": outs[0]} if named else outs)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (several(inputs=2), r"has 2 input\(s\) and 1 output\(s\): a Task is for one of each"),
        (several(outputs=2), r"has 1 input\(s\) and 2 output\(s\)"),
        (several(named=True), "a dict of outputs"),
        (several(shape=(16, 16, 3)), r"takes inputs of shape \(16, 16, 3\), those of the data 'data' have \(8, 8, 3\)"),
    ],
)
def test_models_of_another_form_are_refused_early(model, message):
    with pytest.raises(ValueError, match=message):
        train(model, TASK, None, "none", verbose=0)
    with pytest.raises(ValueError, match=message):
        find_mask(model, "snip", sparsity=0.5, task=TASK)


def test_several_inputs_train_in_a_fit_of_ones_own():
    model = several(inputs=2, outputs=2)
    mask = find_mask(model, "erk", sparsity=0.5)
    prepared = prepare(model, mask, "ghost_neurons,ghost_skips", TASK)
    prepared.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = np.zeros((8, 8, 8, 3), "float32"), np.arange(8) % 3
    prepared.fit([x, x], [y, y], epochs=1, verbose=0, callbacks=callbacks(prepared))
    assert len(strip(prepared).outputs) == 2


def test_any_size_fits_a_model_of_open_size(task):
    train(several(shape=(None, None, 3)), task, None, "none", verbose=0)
    gray = Task(Data.from_arrays(train=(np.zeros((8, 8, 8, 1)), np.arange(8) % 3), batch_size=4), epochs=1)
    train(keras.Sequential([keras.Input((8, 8)), K.Flatten(), K.Dense(3)]), gray, None, "none", verbose=0)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("loss", "mse", "such as keras.losses.MeanSquaredError.., or a function"),
        ("loss", keras.losses.MeanSquaredError, "loss must be a Keras loss"),
        ("optimizer", "adam", "such as `lambda task: keras.optimizers.Adam"),
        ("optimizer", keras.optimizers.Adam(1e-3), "optimizer must be a function"),
        ("optimizer", keras.optimizers.Adam, "optimizer must be a function"),
        ("learning_rate", "0.1", "learning_rate must be a number .* received '0.1'"),
    ],
)
def test_settings_of_another_kind_are_refused(setting, value, message):
    with pytest.raises(ValueError, match=message):
        Task(make_data(), **{setting: value})


def test_what_is_no_task_mask_or_policy_is_named(model):
    with pytest.raises(TypeError, match="task must be a Task, such as .* received Data"):
        train(model, make_data(), make_mask(model))
    with pytest.raises(ValueError, match=r"received 'snip': find_mask.model, ...."):
        train(model, TASK, "snip")
    with pytest.raises(ValueError, match="dtype policy 'bfloat16'. Did you mean 'mixed_bfloat16'"):
        train(model, TASK, None, dtype="bfloat16")
    half = keras.mixed_precision.Policy("mixed_float16")
    with pytest.raises(ValueError, match="compact needs .* full precision or bfloat16"):
        train(model, TASK, make_mask(model), "none", dtype=half, compact=True)
    keras.mixed_precision.set_global_policy(half)
    own = make_model()
    keras.mixed_precision.set_global_policy("float32")
    with pytest.raises(ValueError, match="compact needs .* in float16"):
        train(own, TASK, make_mask(own), "none", compact=True)
    policy = keras.mixed_precision.Policy("mixed_bfloat16")
    train(model, TASK, make_mask(model), "none", dtype=policy, verbose=0)
    with pytest.raises(ValueError, match="strategy must be a tf.distribute.Strategy, .* received 'mirrored'"):
        train(model, TASK, None, strategy="mirrored")


def test_labels_of_every_pixel_are_smoothed():
    images = np.random.default_rng(0).normal(size=(8, 8, 8, 3)).astype("float32")
    batches = _batched(images, (images[..., 0] > 0).astype("int64"))
    data = Data.from_datasets(train=batches, test=batches, num_classes=2)
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, K.Conv2D(2, 3, padding="same")(inputs))
    task = Task(data, epochs=1)
    train(model, task, make_mask(model), "label_smoothing", verbose=0)
    pixels = np.argmax(model(images), -1) == (images[..., 0] > 0)
    assert accuracy(model, data.test) == pytest.approx(np.mean(pixels)) and 0 < np.mean(pixels) < 1


def _batched(*arrays):
    return tf.data.Dataset.from_tensor_slices(arrays).batch(4)


def test_same_layers_under_other_names(task, tmp_path):
    def unnamed():
        layers = [keras.Input((8, 8, 3)), K.Conv2D(4, 3, padding="same"), K.Flatten(), K.Dense(3)]
        return keras.Sequential(layers)

    mask = make_mask(unnamed())
    mask = Mask.load(mask.save(tmp_path / "m.safetensors"))  # which has the paths in the order of the alphabet
    for use in (prepare, lambda model, mask, recipe, task: train(model, task, mask, recipe, verbose=0)):
        with pytest.raises(ValueError, match=r"Keras counts layers that have no name.*clear_session\(\) before each"):
            use(unnamed(), mask, "none", task)
    with pytest.raises(ValueError, match="Was the mask found on another architecture"):
        prepare(make_model(), mask, "none", task)
