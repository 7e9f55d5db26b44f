"""Which channels depend on the inputs: against what random networks compute."""

import numpy as np
import pytest
import tf_keras as keras

from tests.compaction import random_nets
from tests.conftest import make_mask, make_model, slow
from tfsparse.compaction import arrivals
from tfsparse.mask import Mask, apply_mask, prunable
from tfsparse.surgery import Surgery

L = keras.layers


def followed(model, mask, examples):
    """(path, what arrives, what changes with the input) for every call whose outputs have channels last."""
    apply_mask(model, mask)
    surgery, tensors = Surgery(model), []

    def watched(output, tensor):
        tensors.append(output)
        return output

    for call in surgery.calls:
        surgery.after(call, watched)
    copy, arrived = surgery.build(), arrivals(surgery, mask)
    values = keras.Model(copy.inputs, tensors)(examples)
    for call, value in zip(surgery.calls, values, strict=True):
        change = np.ptp(value, axis=0).reshape(-1, value.shape[-1]).max(0)
        changes = change > 1e-5 * np.abs(value).max()  # a mean is rounded otherwise at another place of the batch
        yield call.path, arrived[call.outputs.number], changes


@pytest.mark.parametrize("seed", [*range(5), *map(slow, range(5, 12))])
def test_where_nothing_arrives_nothing_changes(seed):
    model = random_nets.network(seed)
    mask = random_nets.mask(model, seed)
    examples = np.random.default_rng(seed).normal(size=(4, 9, 9, 3)).astype("float32")
    for path, arrived, changes in followed(model, mask, examples):
        assert not (changes & ~arrived).any(), path


@pytest.mark.parametrize("density", [0.04, 0.08, 0.2])
def test_where_something_arrives_something_changes(density):
    """All weights and inputs positive: no sum cancels, and no ReLU cuts off."""
    model = make_model()
    for variable in prunable(model).values():
        variable.assign(np.abs(variable))
    examples = np.random.default_rng(0).random((4, 8, 8, 3)).astype("float32")
    found = list(followed(model, make_mask(model, density), examples))
    for path, arrived, changes in found:
        np.testing.assert_array_equal(arrived, changes, path)
    assert not all(arrived.all() for _, arrived, _ in found)


@pytest.mark.parametrize(
    ("layer", "weight"),
    [(L.Conv2D(4, 1, groups=2, name="a"), "kernel"), (L.SeparableConv2D(4, 1, name="a"), "pointwise_kernel")],
)
def test_filters_of_a_convolution_that_is_not_followed_are_dead_without_live_weights(layer, weight):
    model = keras.Sequential([keras.Input((4, 4, 2)), layer])
    live = np.ones(prunable(model)[f"a/{weight}"].shape, bool)
    live[..., 1] = False
    surgery = Surgery(model)
    found = arrivals(surgery, Mask({f"a/{weight}": live}))
    assert found[surgery.calls[0].outputs.number].tolist() == [True, False, True, True]
