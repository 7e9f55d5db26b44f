"""Counts, budgets and ties."""

import itertools

import numpy as np
import pytest

from tfsparse.masks.allocate import keep_top, live_count
from tfsparse.masks.allocations import ALLOCATIONS, budgets, find_allocation


@pytest.mark.parametrize("bad", [1.0, -0.1, 1.5, float("nan"), "0.9", None])
def test_a_sparsity_out_of_range_is_refused(bad):
    with pytest.raises(ValueError, match=r"in \[0, 1\)"):
        live_count(bad, 100)


def test_a_sparsity_that_leaves_nothing_is_refused():
    with pytest.raises(ValueError, match="leaves none of 100"):
        live_count(0.999, 100)
    assert live_count(0.99, 100) == 1


def resnet20_shapes():
    """CIFAR ResNet-20 with parameter-free shortcuts: 268,336 weights."""
    shapes = {"conv1": (3, 3, 3, 16)}
    for stage, (before, channels) in enumerate([(16, 16), (16, 32), (32, 64)], 1):
        for number in range(6):
            shapes[f"stage{stage}.{number}"] = (3, 3, channels if number else before, channels)
    return {**shapes, "fc": (64, 10)}


@pytest.mark.parametrize(
    ("density", "expected"),
    [
        (0.10, [1, 0.3026, 0.3026, 0.2150, 0.1394, 0.1015, 0.0667, 1]),
        (0.05, [0.5174, 0.1475, 0.1475, 0.1048, 0.0679, 0.0495, 0.0325, 1]),
        (0.02, [0.2066, 0.0589, 0.0589, 0.0418, 0.0271, 0.0198, 0.0130, 0.4129]),
    ],
)
def test_erk_gives_the_published_densities(density, expected):
    shapes = resnet20_shapes()
    total = sum(int(np.prod(shape)) for shape in shapes.values())
    assert total == 268_336
    ideal = ALLOCATIONS["erk"](shapes, density * total)
    counts = budgets(ALLOCATIONS["erk"], shapes, round(density * total))
    assert sum(counts.values()) == round(density * total)
    assert all(abs(counts[path] - ideal[path]) < 1.5 for path in shapes)
    rows = ["conv1", "stage1.0", "stage1.5", "stage2.0", "stage2.1", "stage3.0", "stage3.1", "fc"]
    found = [ideal[row] / np.prod(shapes[row]) for row in rows]
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("allocation", ["uniform", "erk"])
def test_budgets_sum_up_and_fit(allocation):
    random = np.random.default_rng(0)
    for _ in range(50):
        shapes = {str(i): tuple(random.integers(1, 9, random.integers(2, 5))) for i in range(6)}
        sizes = {path: int(np.prod(shape)) for path, shape in shapes.items()}
        for count in (1, sum(sizes.values()) // 3, sum(sizes.values())):
            counts = budgets(find_allocation(allocation), shapes, count)
            assert sum(counts.values()) == count
            assert all(0 <= counts[path] <= sizes[path] for path in shapes)


def test_budgets_stay_within_what_lives():
    counts = budgets(ALLOCATIONS["uniform"], {"a": (10,), "b": (10,)}, 10, room={"a": 2, "b": 10})
    assert counts == {"a": 2, "b": 8}


def keep(scores, count, allocation="global", seed=0, live=None):
    live = live or {path: np.ones(array.shape, bool) for path, array in scores.items()}
    return keep_top(scores, live, count, np.random.default_rng(seed), allocation=allocation)


def test_the_threshold_separates():
    random = np.random.default_rng(0)
    scores = {"a": random.random((5, 7)), "b": random.random(20)}
    kept = keep(scores, 17)
    living = np.concatenate([scores[path][kept[path]] for path in scores])
    dead = np.concatenate([scores[path][~kept[path]] for path in scores])
    assert len(living) == 17 and living.min() > dead.max()


def test_ties_are_exact_and_seeded():
    scores = {"a": np.zeros((10, 10)), "b": np.zeros(50)}
    masks = [keep(scores, 40, seed=seed) for seed in (0, 0, 1)]
    assert all(sum(array.sum() for array in mask.values()) == 40 for mask in masks)
    assert all((masks[0][path] == masks[1][path]).all() for path in scores)
    assert any((masks[0][path] != masks[2][path]).any() for path in scores)
    assert masks[0]["a"].any() and masks[0]["b"].any()  # neither layer is preferred


def test_better_scores_win_before_ties_are_drawn():
    kept = keep({"a": np.array([1.0, 1.0, 2.0, 1.0, 0.0])}, 2)["a"]
    assert kept[2] and not kept[4] and kept.sum() == 2


@pytest.mark.parametrize("allocation", ["global", "uniform", "erk"])
def test_what_is_pruned_stays_pruned(allocation):
    random = np.random.default_rng(0)
    shapes, live = {"a": (8, 9), "b": (5, 6, 7)}, None
    for count in (200, 120, 61, 7, 1):
        scores = {path: random.random(shape) for path, shape in shapes.items()}
        kept = keep(scores, count, allocation, live=live)
        assert sum(array.sum() for array in kept.values()) == count
        assert live is None or not any((kept[path] & ~live[path]).any() for path in shapes)
        live = kept


def test_the_order_of_ties_is_the_same_on_every_machine():
    kept = keep({"a": np.zeros(12)}, 4, seed=3)["a"]
    assert list(itertools.compress(range(12), kept)) == [2, 3, 5, 11]
