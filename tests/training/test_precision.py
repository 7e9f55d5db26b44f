"""`--mixed_precision=auto`."""

import dataclasses
import random

import numpy as np
import pytest
import tf_keras as keras

from tfsparse.experiment import Experiment, RunFolder, check
from tfsparse.experiment.run import _settled
from tfsparse.training import fastest, policy, precision


@pytest.fixture(autouse=True)
def _anew():
    fastest.cache_clear()
    yield
    fastest.cache_clear()


def pretend(monkeypatch, full, half):
    monkeypatch.setattr(precision, "_step", lambda dtype: dtype)
    monkeypatch.setattr(precision, "_seconds", lambda dtype: half if dtype else full)


@pytest.mark.parametrize(("full", "half", "chosen"), [(2.0, 1.0, "bfloat16"), (1.05, 1.0, "none"), (1.0, 3.0, "none")])
def test_the_faster_one_is_chosen(full, half, chosen, monkeypatch):
    pretend(monkeypatch, full, half)
    assert fastest() == chosen and policy("auto") == policy(chosen)


def test_measuring_leaves_the_random_states():
    def draw(measured):
        keras.utils.set_random_seed(1)
        if measured:
            assert fastest() in ("none", "bfloat16")
        return random.random(), np.random.rand(), keras.initializers.GlorotUniform()((2, 2)).numpy().tolist()

    assert draw(True) == draw(False)


def test_a_run_keeps_the_precision_it_began_with(tmp_path, monkeypatch):
    experiment, folder = Experiment(mixed_precision="auto"), RunFolder(tmp_path)
    pretend(monkeypatch, 2.0, 1.0)
    settled = _settled(experiment, folder)
    assert settled == dataclasses.replace(experiment, mixed_precision="bfloat16")
    folder.write_flags(settled)
    fastest.cache_clear()
    pretend(monkeypatch, 1.0, 2.0)  # another machine, or another hour
    assert _settled(experiment, folder) == settled
    assert _settled(dataclasses.replace(experiment, overwrite=True), folder).mixed_precision == "none"


def test_workers_must_agree():
    with pytest.raises(ValueError, match="auto measures one machine"):
        check(Experiment(mixed_precision="auto", strategy="multi_worker"))
