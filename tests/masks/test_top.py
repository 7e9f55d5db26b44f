"""The value of a rank, against sorting."""

import numpy as np
import pytest

from tfsparse.masks import top
from tfsparse.masks.top import nth_highest


def cases():
    random = np.random.default_rng(0)
    yield "normal", random.normal(size=3000)
    yield "heavy tails", random.standard_cauchy(3000)
    yield "few values", random.integers(0, 3, 3000).astype(float)
    yield "all equal", np.ones(3000)
    yield "sorted", np.arange(3000.0)
    yield "falling", -np.arange(3000.0)
    yield "a period of the stride", np.tile(np.arange(60.0), 50)
    yield "zeros and a few", np.where(random.random(3000) < 0.01, random.random(3000), 0.0)


@pytest.mark.parametrize(("name", "values"), list(cases()))
@pytest.mark.parametrize("sample", [50, 100, 50_000])
def test_is_what_sorting_says(name, values, sample, monkeypatch):
    monkeypatch.setattr(top, "_SAMPLE", sample)  # small, so that the bracket is used, and misleads at times
    random = np.random.default_rng(1)
    for dtype in ("float32", "float64"):
        for share in (1.0, 0.5, 0.02):
            arrays = np.split(values.astype(dtype), [17, 1000])
            chosen = [random.random(array.shape) < share for array in arrays]
            ordered = np.sort(np.concatenate([a[c] for a, c in zip(arrays, chosen, strict=True)]))[::-1]
            for count in {1, 2, len(ordered) // 3 + 1, len(ordered) - 1, len(ordered)}:
                assert nth_highest(arrays, chosen, count) == ordered[count - 1], (name, count)


def test_more_than_there_are_gives_the_lowest():
    assert nth_highest([np.array([2.0, 1.0, 0.0])], [np.array([True, True, False])], 9) == 1.0


def test_arrays_of_several_axes():
    array = np.random.default_rng(0).random((3, 4, 5))
    assert nth_highest([array], [array > 0.5], 4) == np.sort(array.ravel())[-4]
