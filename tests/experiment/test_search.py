"""`tfsparse.find_mask`: what methods that train are told of how to."""

import logging

import pytest

from tfsparse import find_mask
from tfsparse.task import Task


@pytest.mark.parametrize("method", ["snip", "imp(rounds=1)", "gradual(frequency=1)", "gem_miner(epochs=2, period=1)"])
def test_settings_of_training_are_known_and_used_or_a_note_says_not(model, data, caplog, method):
    task = Task(data, epochs=2)
    with pytest.raises(ValueError, match="Unknown setting of training 'dtypes'. Did you mean 'dtype'"):
        find_mask(model, method, sparsity=0.5, task=task, training={"dtypes": "mixed_bfloat16"})
    plain = {"dtype": None, "strategy": None, "steps_per_execution": 1, "verbose": 0, "callbacks": []}
    with caplog.at_level(logging.WARNING, logger="tfsparse"):
        find_mask(model, method, sparsity=0.5, task=task, training=plain)
        assert "will not be used" not in caplog.text
        find_mask(model, method, sparsity=0.5, task=task, training={**plain, "dtype": "mixed_bfloat16"})
    said = "own precision: while it looks for the mask, dtype will not be used" in caplog.text
    assert said == method.startswith("g")
