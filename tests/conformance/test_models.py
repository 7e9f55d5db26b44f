"""Every network and every schedule goes all the way: mask, recipe, resume, export."""

import numpy as np
import pytest
import tf_keras as keras

import tfsparse as ts
from tests.conftest import dead, make_data, make_mask, make_model, slow
from tfsparse.export import EXPORTERS
from tfsparse.models import MODELS
from tfsparse.task.schedules import SCHEDULES

RECIPE = "ghost_neurons(share=0.5),ghost_skips(share=0.5),label_smoothing,rescaled_init(iterations=1)"
# Half a minute each and more. The network of docs/adding.md goes the same way; the parts of it are each in tests of their own.
SLOW = (
    "vgg16",
    "resnet8",
    "resnet18",
    "resnet20",
    "resnet32",
    "resnet56",
    "resnet104",
    "mobilenet",
    "mobilenet_xnnpack",
)


class Stops(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


@pytest.mark.parametrize("name", [slow(n) if n in SLOW else n for n in sorted(MODELS)])
def test_every_model_goes_all_the_way(name, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (16, 32, 32, 3)).astype("uint8")
    part = (images, np.arange(16) % 3)
    data = ts.Data.from_arrays(train=part, test=part, batch_size=8, mean=(128.0,) * 3, std=(64.0,) * 3)
    model = ts.build_model(f"{name}(width=0.05)", data)
    mask = ts.find_mask(model, "erk", sparsity=0.8)
    task = ts.Task(data, epochs=2, learning_rate=0.01)
    with pytest.raises(KeyboardInterrupt):
        ts.train(model, task, mask, RECIPE, folder=tmp_path, verbose=0, callbacks=[Stops()])
    history = ts.train(model, task, mask, RECIPE, folder=tmp_path, verbose=0)
    assert history.epoch == [0, 1] and dead(model, mask) == 0
    for format in EXPORTERS:
        result = ts.export_model(model, format, tmp_path / format, mask=mask, data=data)
        assert result.max_difference < 1e-4


@pytest.mark.parametrize("schedule", [name if name == "step" else slow(name) for name in sorted(SCHEDULES)])
def test_every_schedule_trains(schedule):
    model = make_model()
    task = ts.Task(make_data(), epochs=2, learning_rate=0.05, schedule=schedule)
    history = ts.train(model, task, make_mask(model), "none", verbose=0).history
    assert np.isfinite(history["loss"]).all() and 0 <= history["learning_rate"][-1] < 0.0501
