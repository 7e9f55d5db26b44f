"""`--mixed_precision=auto`."""

import dataclasses
import random

import numpy as np
import pytest
import tf_keras as keras

from tests.conftest import make_model
from tfsparse.experiment import Experiment, RunFolder, check
from tfsparse.experiment.run import _as_begun
from tfsparse.experiment.stages import with_measured_precision
from tfsparse.training import fastest, precision


def pretend(monkeypatch, full, half):
    monkeypatch.setattr(precision, "_step", lambda model, dtype: dtype)
    monkeypatch.setattr(precision, "_seconds", lambda dtype: half if dtype else full)


@pytest.mark.parametrize(("full", "half", "chosen"), [(2.0, 1.0, "bfloat16"), (1.05, 1.0, "none"), (1.0, 3.0, "none")])
def test_the_faster_one_is_chosen(full, half, chosen, monkeypatch, model):
    pretend(monkeypatch, full, half)
    assert fastest(model) == chosen


def test_measuring_leaves_the_model_and_the_random_states():
    def draw(measured):
        keras.utils.set_random_seed(1)
        model = make_model()
        if measured:
            assert fastest(model) in ("none", "bfloat16")
        return random.random(), np.random.rand(), keras.initializers.GlorotUniform()((2, 2)).numpy().tolist(), model

    *states, measured = draw(True)
    *others, model = draw(False)
    assert states == others
    assert all(np.array_equal(a, b) for a, b in zip(measured.get_weights(), model.get_weights(), strict=True))


def test_a_subclassed_model_stays_in_full_precision():
    class Own(keras.Model):
        def call(self, x):
            return x

    assert fastest(Own()) == "none"


def test_a_run_keeps_the_precision_it_began_with(tmp_path, monkeypatch, model):
    experiment, folder = Experiment(mixed_precision="auto"), RunFolder(tmp_path)
    pretend(monkeypatch, 2.0, 1.0)
    assert _as_begun(experiment, folder) == experiment
    begun = with_measured_precision(experiment, lambda: model)
    assert begun == dataclasses.replace(experiment, mixed_precision="bfloat16")
    folder.write_flags(begun)
    folder.mask.touch()  # without any work there the settings may still change
    pretend(monkeypatch, 1.0, 2.0)  # another machine, or another hour
    assert with_measured_precision(_as_begun(experiment, folder), lambda: model) == begun
    anew = dataclasses.replace(experiment, overwrite=True)
    assert with_measured_precision(_as_begun(anew, folder), lambda: model).mixed_precision == "none"


def test_workers_must_agree():
    with pytest.raises(ValueError, match="auto measures one machine"):
        check(Experiment(mixed_precision="auto", strategy="multi_worker"))


def test_an_optimizer_that_scales_its_loss_is_left_alone():
    own = keras.mixed_precision.LossScaleOptimizer(keras.optimizers.SGD(), initial_scale=4)
    assert precision.scaled(own, "mixed_float16") is own
    assert precision.scaled(keras.optimizers.SGD(), "mixed_float16").initial_scale == 1024
