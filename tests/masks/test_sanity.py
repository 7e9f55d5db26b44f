"""The literature's sanity checks, as options of every method."""

import numpy as np
import pytest
import tf_keras as keras

from tests.conftest import make_model
from tfsparse import paths
from tfsparse.mask import prunable
from tfsparse.masks import find_mask, scores
from tfsparse.masks.reinitialized import reinitialized
from tfsparse.masks.search import Search


def counts(mask):
    return {name: int(array.sum()) for name, array in mask.items()}


@pytest.mark.parametrize("method", ["magnitude", "snip", "synflow(rounds=3)", "random"])
def test_shuffled_within_the_layers(method, model, task):
    plain = find_mask(model, method, sparsity=0.7, task=task)
    shuffled = find_mask(model, method, sparsity=0.7, task=task, sanity="shuffle")
    assert counts(shuffled) == counts(plain) and shuffled != plain
    assert shuffled == find_mask(model, method, sparsity=0.7, task=task, sanity="shuffle")
    same = np.mean([np.mean(plain[name] == shuffled[name]) for name in plain])
    assert same < 0.9, "hardly shuffled"


def test_a_shuffled_pattern_stays_a_pattern(model):
    mask = find_mask(model, "magnitude", sparsity=0.5, pattern="2:4", sanity="shuffle", exclude="stem")
    for array in mask.values():
        assert (np.moveaxis(array, -2, -1).reshape(-1, 4).sum(axis=1) == 2).all()


def test_inverted_keeps_the_lowest(model, task):
    for method in ("magnitude", "snip"):
        found = scores(model, method, task)
        mask = find_mask(model, method, sparsity=0.7, task=task, sanity="invert")
        living = np.concatenate([found[path][mask[path]] for path in mask])
        dead = np.concatenate([found[path][~mask[path]] for path in mask])
        assert living.max() <= dead.min()


def test_found_on_other_weights(model):
    before = model.get_weights()
    other = find_mask(model, "magnitude", sparsity=0.7, sanity="reinitialize")
    assert other == find_mask(model, "magnitude", sparsity=0.7, sanity="reinitialize")
    plain = find_mask(model, "magnitude", sparsity=0.7)
    overlap = sum(np.sum(plain[name] & other[name]) for name in plain) / plain.live
    assert overlap < 0.6, "the mask still knows the weights"  # 0.3 by chance
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_weights_that_come_out_the_same_are_refused():
    """An initialiser with a seed of its own gives the same weights again, and the check would compare a mask with itself."""
    seeded = keras.initializers.GlorotUniform(seed=1)
    model = keras.Sequential([keras.layers.Dense(8, kernel_initializer=seeded, input_shape=(8,), name="a")])
    with pytest.raises(ValueError, match=r"those of a/kernel come out the same.*seed of its own"):
        find_mask(model, "magnitude", sparsity=0.5, sanity="reinitialize")
    zeros = keras.Sequential(
        [keras.layers.Dense(8, input_shape=(8,)), keras.layers.Dense(2, kernel_initializer="zeros")]
    )
    assert find_mask(zeros, "random", sparsity=0.5, sanity="reinitialize").live == 40


def test_unknown(model):
    with pytest.raises(ValueError, match="sanity must be one of None, 'shuffle', 'reinitialize', 'invert'"):
        find_mask(model, "magnitude(sanity='flip')", sparsity=0.5)
    with pytest.raises(ValueError, match="literal options, each once"):
        find_mask(model, "magnitude(sanity='invert', sanity='shuffle')", sparsity=0.5)
    with pytest.raises(ValueError, match="'sanity' of mask method 'magnitude' is given twice"):
        find_mask(model, "magnitude(sanity='invert')", sparsity=0.5, sanity="shuffle")


def test_a_fresh_copy_has_other_weights_of_the_same_kind():
    from tfsparse.graph import fresh

    model = make_model()
    copy = fresh(model)
    assert list(paths.weights(copy)) == list(paths.weights(model))
    kernels = [paths.weights(each)["conv1/kernel"].numpy() for each in (model, copy)]
    assert not np.allclose(*kernels) and kernels[0].std() == pytest.approx(kernels[1].std(), rel=0.5)


def test_another_start_knows_the_data_as_before(task):
    """What a Normalization has been adapted to is no initial weight."""
    norm = keras.layers.Normalization(axis=-1)
    norm.adapt(next(iter(task.data.train))[0])
    parts = [keras.layers.Conv2D(2, 3, name="conv"), keras.layers.Flatten(), keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input((8, 8, 3)), norm, *parts])
    other = reinitialized(Search(model, prunable(model), 0.5, task)).model
    np.testing.assert_array_equal(other.layers[0].mean, norm.mean)
    assert np.any(other.layers[1].kernel != model.layers[1].kernel)
