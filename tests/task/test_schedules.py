"""Learning rates over the steps of a run."""

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import make_data
from tfsparse.task import Task
from tfsparse.task.schedules import SCHEDULES, constant, cosine, step


@pytest.mark.parametrize("steps", [4, 7, 100, 182, 63_882])
@pytest.mark.parametrize("drops", [(0.5, 0.75), (0.07, 0.55), (1 / 3, 2 / 3)])
def test_the_rate_drops_before_exactly_that_step(steps, drops):
    rate = step(0.1, steps, drops=drops)
    exact = {(0.07, 100): 7, (0.55, 100): 55}  # where 0.07 * 100 in floats is a little more than 7
    for number, share in enumerate(drops):
        first = exact.get((share, steps), int(np.ceil(share * steps - 1e-9)))
        assert float(rate(max(first, 1))) == pytest.approx(0.1**number * 0.01, rel=1e-5)
        if first > 1:
            assert float(rate(first - 1)) == pytest.approx(0.1 ** (number + 1), rel=1e-5)


def test_shape_and_factor():
    rate = step(1.0, 10, drops=(0.2, 0.5, 0.8), factor=0.5)
    assert [float(rate(s)) for s in range(10)] == [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125]


@pytest.mark.parametrize("drops", [(80, 120), (-1,), (0.75, 0.5), (0.5, 0.5), (0, 0.5), (0.5, 1), (), 0.5, ("a",)])
def test_drops_are_rising_shares(drops):
    with pytest.raises(ValueError, match=r"rising shares .* received .* 0\.5 for half of the training"):
        Task(make_data(), schedule=f"step(drops={drops!r})")


@pytest.mark.parametrize("factor", ["-1", "0", "1.5", "'a'", "1e999"])
def test_a_factor_lowers_the_rate(factor):
    with pytest.raises(ValueError, match=r"factor must be a number in \(0, 1\].* received"):
        Task(make_data(), schedule=f"step(factor={factor})")


def test_nan_is_no_factor():
    with pytest.raises(ValueError, match="received nan"):
        step(0.1, 10, factor=float("nan"))


def test_cosine_and_constant():
    assert [round(float(cosine(0.2, 10)(s)), 6) for s in (0, 5, 10, 12)] == [0.2, 0.1, 0, 0]
    assert {round(float(constant(0.3, 10)(s)), 6) for s in (0, 9, 10, 11, 50)} == {0.3}


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_the_optimizer_follows_the_schedule(name):
    task = Task(make_data(), epochs=2, learning_rate=0.2, schedule=name)
    optimizer = task.make_optimizer()
    expected, weight = SCHEDULES[name](0.2, 8), tf.Variable([1.0])
    for at in (0, 3, 4, 6, 7):
        optimizer.iterations.assign(at)
        optimizer.apply_gradients([(tf.zeros(1), weight)])
        assert float(optimizer.learning_rate) == pytest.approx(float(expected(at)))
