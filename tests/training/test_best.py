"""The best epoch's weights: those that gave the history its number, and of an epoch that no ghost lived in."""

import numpy as np
import pytest

from tests.conftest import make_data, slow, started
from tests.experiment.test_compacted import killing_mask
from tfsparse import paths
from tfsparse.experiment import train
from tfsparse.report import accuracy
from tfsparse.task import Task
from tfsparse.training import best_epoch, load_best, read_history
from tfsparse.training.best import SaveBest, forget_later


@pytest.mark.parametrize("compact", [slow(False), True])
def test_the_weights_of_the_best_epoch_are_kept(compact, tmp_path):
    model, data = started(), make_data(96)
    task = Task(data, epochs=8, learning_rate=0.3, schedule="constant")
    train(model, task, killing_mask(model), "ghost_skips(share=0.25)", folder=tmp_path, compact=compact, verbose=0)
    best = best_epoch(read_history(tmp_path / "history.csv"))
    assert 3 <= best["epoch"] < 8, "in the first quarter ghosts live, and the last epoch would prove nothing"
    kept = started()
    load_best(tmp_path / "best.safetensors", paths.weights(kept))
    assert accuracy(kept, data.validation) == pytest.approx(best["val_accuracy"])
    assert not all(np.array_equal(a, b) for a, b in zip(kept.get_weights(), model.get_weights(), strict=True))


@pytest.mark.parametrize("completed", [0, 1, 2])
def test_the_best_of_an_epoch_that_is_gone_through_again_is_forgotten(completed, tmp_path, model):
    """With dropout it may end otherwise: the file held weights of an epoch that the history did not know."""
    best = SaveBest(tmp_path / "best.safetensors", paths.weights(model), [{"epoch": 2, "val_accuracy": 0.9}])
    best.on_epoch_end(1)
    forget_later(best.path, completed)
    assert best.path.exists() == (completed == 2)


def test_a_training_that_begins_anew_has_no_best_yet(tmp_path, model, mask, task):
    SaveBest(tmp_path / "best.safetensors", paths.weights(model), [{"epoch": 1, "val_accuracy": 0.9}]).on_epoch_end(0)
    train(
        model, task, mask, "ghost_skips(hand_over='constant')", folder=tmp_path, verbose=0
    )  # no epoch is without ghosts
    assert not (tmp_path / "best.safetensors").exists()


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "best.safetensors").write_bytes(b"damaged")
    with pytest.raises(ValueError, match="best.safetensors cannot be read: it is damaged"):
        load_best(tmp_path / "best.safetensors", paths.weights(started()))
