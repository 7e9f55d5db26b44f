"""Gem-Miner's searches as a whole: killed anywhere, ended early, and that their gems are gems."""

import itertools

import numpy as np
import pytest
import tf_keras as keras
from sklearn.datasets import load_digits

from tests.conftest import make_model, slow
from tfsparse import find_mask
from tfsparse.mask import Mask
from tfsparse.masks import gem_miner_search
from tfsparse.masks.gem_miner_search import Mining
from tfsparse.masks.rounds import Rounds
from tfsparse.masks.state import State
from tfsparse.task import Data, Task

METHOD = "gem_miner(epochs=7, period=2)"


class Killed(BaseException):
    pass


def killed(function, at, after):
    """`function`, its call number `at` killed, before it has done its work or `after`."""
    calls = itertools.count()

    def dying(*args, **kwargs):
        doomed = next(calls) == at
        if doomed and not after:
            raise Killed
        result = function(*args, **kwargs)
        if doomed:
            raise Killed
        return result

    return dying


@pytest.mark.parametrize(
    "optimizer, places",
    [
        ("sgd", [(State, "save", 2)]),
        slow("sgd", [(State, "save", 1), (Rounds, "keep", 0), (Rounds, "keep", 2), (Mining, "finish", 0)]),
        slow("adam", [(State, "save", 3)]),
    ],
)
def test_stopped_anywhere_it_goes_on(task, tmp_path, optimizer, places):
    """Kills before and after the state of an epoch and the mask of a round are written, and at the very end."""
    model, further = make_model(), {"sparsity": 0.8, "task": task, "optimizer": optimizer, "learning_rate": 0.05}
    whole = find_mask(model, METHOD, folder=tmp_path / "whole", **further)
    for (owner, name, at), after in itertools.product(places, (False, True)):
        folder = tmp_path / f"{name}{at}{after}"
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
            patch.setattr(owner, name, killed(getattr(owner, name), at, after))
            find_mask(model, METHOD, folder=folder, **further)
        mask = find_mask(model, METHOD, folder=folder, **further)
        assert mask == whole and mask.metadata == whole.metadata
        for path, array in whole.weights.items():
            np.testing.assert_array_equal(mask.weights[path], array)


def test_the_note_is_of_the_mask_that_is_given(task, monkeypatch):
    """A shuffled one had the accuracy of the other."""
    seen, plain = [], gem_miner_search.measured
    monkeypatch.setattr(gem_miner_search, "measured", lambda *given: (seen.append(given[2]), plain(*given))[1])
    mask = find_mask(make_model(), "gem_miner(epochs=3, period=1, sanity='shuffle')", sparsity=0.8, task=task)
    assert [one.digest for one in seen] == [Mask(mask).digest]


def test_an_empty_network_ends_the_search(task, tmp_path, caplog):
    method = "gem_miner(epochs=9, period=2, penalty=1.0)"
    model = make_model()
    mask = find_mask(model, method, sparsity=0.8, task=task, folder=tmp_path)
    assert mask.live == round(0.2 * mask.total) and mask.metadata["stopped_at_epoch"] == "1"
    assert "No weight takes part after epoch 1" in caplog.text
    for lost in ([], ["round4.safetensors"]):
        for name in lost:
            (tmp_path / name).unlink()
        again = find_mask(model, method, sparsity=0.8, task=task, folder=tmp_path)
        assert again == mask and again.metadata == mask.metadata


@pytest.mark.slow
def test_a_gem_in_digits():
    """5 % of the weights, none of them trained, classify. benchmarks/gem_miner.py takes more time over it."""
    images, labels = load_digits(return_X_y=True)
    images, order = images.reshape(-1, 8, 8, 1) / 16, np.random.default_rng(0).permutation(len(images))
    parts = [(images[part], labels[part]) for part in np.split(order, [1300])]
    x = inputs = keras.Input((8, 8, 1))
    for number, (channels, stride) in enumerate([(32, 1), (64, 2), (64, 2)]):
        x = keras.layers.Conv2D(channels, 3, stride, "same", use_bias=False, name=f"conv{number}")(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    model = keras.Model(inputs, keras.layers.Dense(10, name="head")(keras.layers.GlobalAveragePooling2D()(x)))
    task = Task(Data.from_arrays(train=parts[0], test=parts[1], batch_size=64), epochs=40)
    mask = find_mask(model, "gem_miner(period=2)", sparsity=0.95, task=task)
    assert float(mask.metadata["accuracy_before_training"]) > 0.75
    density = {path: array.mean() for path, array in mask.items()}
    assert density["head/kernel"] > 0.4 and density["conv0/kernel"] > 0.1 and density["conv2/kernel"] < 0.05
