"""Gem-Miner: what stays, what falls, what is counted, what is refused."""

import dataclasses
import itertools

import numpy as np
import pytest
import tf_keras as keras

from tests.conftest import make_model
from tfsparse import find_mask, paths
from tfsparse.mask import Mask, apply_mask, prunable
from tfsparse.masks.gem_miner_scores import OPTIMIZERS, PENALTIES, ScoredNetwork
from tfsparse.masks.gem_miner_search import Mining
from tfsparse.masks.gem_miner_start import start_weights
from tfsparse.masks.search import Search
from tfsparse.report import evaluate
from tfsparse.task import Data, Task

METHOD = "gem_miner(epochs=7, period=2)"


@pytest.fixture
def scores(monkeypatch):
    """The scores of every round: (path -> p, weights that take part)."""
    rows, score = [], Mining.score

    def watched(self, live, number):
        found = score(self, live, number)
        rows.append((found, live, self.network.count()))
        return found

    monkeypatch.setattr(Mining, "score", watched)
    return rows


def test_rounds(task, scores, tmp_path):
    model, sparsity = make_model(), 0.9
    mask = find_mask(model, METHOD, sparsity=sparsity, task=task, folder=tmp_path)
    masks = [Mask.load(tmp_path / f"round{number}.safetensors") for number in (1, 2, 3)]
    assert masks[-1] == mask and not (tmp_path / "round4.safetensors").exists()
    assert [each.live for each in masks[:2]] == [mask.total - int((1 - 0.1**e) * mask.total) for e in (1 / 3, 2 / 3)]
    assert mask.live == round(0.1 * mask.total)
    for outer, inner in itertools.pairwise(masks):
        assert all((outer[path] >= inner[path]).all() for path in mask)
    for (found, live, count), kept in zip(scores, masks, strict=True):
        everything = np.concatenate([found[path].ravel() for path in mask])
        assert everything.min() >= 0 and everything.max() <= 1
        assert count == sum(np.count_nonzero((found[path] > 0.5) & live[path]) for path in mask)
        lost = np.concatenate([found[path][live[path] & ~kept[path]] for path in mask])
        assert lost.max() <= min(found[path][kept[path]].min() for path in mask if kept[path].any())


def test_the_weights_are_never_trained(task):
    model = make_model()
    before = {path: variable.numpy() for path, variable in paths.weights(model).items()}
    mask = find_mask(model, METHOD, sparsity=0.8, task=task)
    fan_in = {"stem/kernel": 27, "conv1/kernel": 36, "conv2/kernel": 36, "hidden/kernel": 4, "head/kernel": 8}
    assert list(fan_in) == list(mask) and mask.weights.keys() == before.keys()
    for path, number in fan_in.items():
        np.testing.assert_array_equal(
            mask.weights[path], np.float32(np.sqrt(2 / number)) * np.sign(before[path]), strict=True
        )
    np.testing.assert_array_equal(mask.weights["norm0/gamma"], np.ones(4))
    np.testing.assert_array_equal(mask.weights["head/bias"], before["head/bias"])
    assert (mask.weights["norm0/moving_variance"] != before["norm0/moving_variance"]).all()


def network(model, task, live=None, penalty=0.01, slope="L2"):
    search, random = Search(model, prunable(model), 0.5, task), np.random.default_rng(0)
    start = {path: variable.numpy() for path, variable in paths.weights(model).items()}
    first = {path: random.random(variable.shape) for path, variable in search.weights.items()}
    return ScoredNetwork(search, start, first, OPTIMIZERS["sgd"](0.1), lambda p: penalty * PENALTIES[slope](p)), search


@pytest.mark.parametrize("slope", ["L2", "L1"])
def test_the_gradient_goes_straight_through(slope):
    model = keras.Sequential([keras.layers.Dense(2, use_bias=False, input_shape=(3,), name="head")])
    x, y = np.random.default_rng(1).normal(size=(4, 3)).astype("float32"), np.array([0, 1, 0, 1])
    data = Data.from_arrays(train=(x, y), batch_size=4, shuffle=False)
    net, _ = network(model, Task(data), slope=slope)
    w, p = net.start["head/kernel"], net.values()["head/kernel"]
    live = np.array([[1, 1], [0, 1], [1, 1]], bool)
    net.load(lambda x: model(x), {"head/kernel": live})
    net.step(*next(iter(data.train)))
    logits = x @ (w * (p > 0.5) * live)
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    gradient = x.T @ (chances - np.eye(2)[y]) / 4
    expected = p - 0.1 * (gradient * w * live + 0.01 * (2 * p if slope == "L2" else 1))
    np.testing.assert_allclose(net.values()["head/kernel"], np.clip(expected, 0, 1), atol=1e-6)
    np.testing.assert_array_equal(model.get_weights()[0], w * (p > 0.5) * live)


def test_half_takes_part_without_penalty(data, scores):
    find_mask(make_model(), "gem_miner(epochs=2, period=1.0, penalty=0)", sparsity=0.5, task=Task(data))
    assert scores[0][2] == pytest.approx(0.5 * 452, rel=0.1)


def test_the_accuracy_is_what_the_start_gives(task):
    model = make_model()
    mask = find_mask(model, "gem_miner(epochs=13, period=3)", sparsity=0.5, task=task)
    mask.rewind(model)
    found = evaluate(apply_mask(model, mask), task)["validation_accuracy"]
    assert float(mask.metadata["accuracy_before_training"]) == pytest.approx(found, abs=1e-6)
    x = np.concatenate([x for x, _ in task.data.epochs(0, 1)])
    channels = keras.Model(model.inputs, model.get_layer("stem").output)(x).numpy().reshape(-1, 4)
    np.testing.assert_allclose(mask.weights["norm0/moving_mean"], channels.mean(axis=0), atol=1e-5)


@pytest.mark.parametrize("weights, norm, mean_square", [("signed_constant", True, 2), ("kaiming_normal", False, 8)])
def test_other_starts(weights, norm, mean_square):
    """Without norms, weights are larger by 1 / sqrt(density)."""
    layers = [keras.layers.Conv2D(64, 3, input_shape=(6, 6, 64), name="conv")]
    layers += [keras.layers.LayerNormalization(name="norm", gamma_initializer="zeros")] if norm else []
    search = Search(keras.Sequential(layers), {}, 0.75)
    search = dataclasses.replace(search, weights=prunable(search.model))
    start = start_weights(search, weights, np.random.default_rng(0))
    assert np.mean(start["conv/kernel"] ** 2) == pytest.approx(mean_square / 576, rel=0.03)
    assert not norm or start["norm/gamma"].tolist() == [1.0] * 64


def test_frozen_norms_stay_as_they_are():
    """They were reset: a frozen backbone had lost what it knew, and the mask's weights changed it for good."""
    frozen = keras.layers.LayerNormalization(name="frozen", gamma_initializer="zeros", trainable=False)
    norm = keras.layers.LayerNormalization(name="norm", gamma_initializer="zeros")
    model = keras.Sequential([keras.Input((4,)), frozen, keras.layers.Dense(3, name="dense"), norm])
    search = Search(model, {}, 0.75)
    search = dataclasses.replace(search, weights=prunable(model))
    start = start_weights(search, "signed_constant", np.random.default_rng(0))
    assert start["frozen/gamma"].tolist() == [0.0] * 4 and start["norm/gamma"].tolist() == [1.0] * 3


def test_a_pretrained_network_stays_as_it_is(task):
    model = make_model()
    model.get_layer("norm1").gamma.assign([0.5, 2.0, 1.0, 3.0])
    mask = find_mask(model, METHOD, weights="as_is", scores="skewed", sparsity=0.5, task=task)
    for path, variable in paths.weights(model).items():
        assert "moving" in path or np.array_equal(mask.weights[path], variable), path


def test_refusals(task, model, tmp_path):
    def refused(message, method=METHOD, **settings):
        with pytest.raises(ValueError, match=message):
            find_mask(model, method, sparsity=0.5, **{"task": task, **settings})

    refused("'gem_miner' looks at training data: pass task", task=None)
    refused("2 epochs with period=5 never prune: .* a period of at most 1", "gem_miner")
    refused("penalty must be a number in .0, inf., received -1", penalty=-1)
    refused("scores must be one of 'uniform', .* received 'constant'", scores="constant")
    refused("weights must be one of 'signed_constant', ", weights="zeros")
    refused("optimizer must be one of 'sgd', 'adam'", optimizer="lion")
    find_mask(model, METHOD, sparsity=0.5, task=task, folder=tmp_path)
    (tmp_path / "round3.safetensors").unlink()
    (tmp_path / "scores.safetensors").write_bytes(b"damaged")
    refused("scores.safetensors cannot be restored .* Delete the folder", folder=tmp_path)
    (tmp_path / "scores.safetensors").unlink()
    refused("is of epoch 0, the pruned masks beside it of epoch 5", folder=tmp_path)
