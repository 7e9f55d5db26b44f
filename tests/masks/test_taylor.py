"""Taylor against its definition, and against SNIP."""

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import make_data
from tfsparse.mask import prunable
from tfsparse.masks import find_mask, scores
from tfsparse.task import Task


def test_is_the_weight_times_the_gradient(model, task):
    x, y = next(iter(task.data.scoring(1)))
    with tf.GradientTape() as tape:
        loss = task.loss_for(model)(y, model(x, training=False))
    weights = prunable(model)
    gradients = tape.gradient(loss, list(weights.values()))
    found = scores(model, "taylor(bn_mode='inference')", task)
    for (path, variable), gradient in zip(weights.items(), gradients, strict=True):
        np.testing.assert_allclose(found[path], abs(variable.numpy() * gradient.numpy()), rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("options", ["", "(batches=3)", "(bn_mode='inference')"])
def test_ranks_as_snip_does_whose_scores_sum_to_1(model, task, options):
    snip, taylor = (scores(model, method + options, task) for method in ("snip", "taylor"))
    total = sum(array.sum(dtype="float64") for array in taylor.values())
    for path in snip:
        np.testing.assert_allclose(snip[path] * total, taylor[path], rtol=1e-3, atol=1e-9)
    masks = [find_mask(model, method + options, sparsity=0.8, task=task) for method in ("snip", "taylor")]
    assert masks[0] == masks[1]


def test_rounds_score_the_network_that_is_left(model):
    task = Task(make_data())
    several = find_mask(model, "taylor(rounds=4)", sparsity=0.8, task=task)
    once = find_mask(model, "taylor", sparsity=0.8, task=task)
    assert several != once and several.live == once.live


def test_errors(model, task):
    with pytest.raises(ValueError, match="Mask method 'taylor' looks at training data: pass task=Task"):
        find_mask(model, "taylor", sparsity=0.5)
    with pytest.raises(ValueError, match="batches must be a whole number of at least 1"):
        find_mask(model, "taylor(batches=True)", sparsity=0.5, task=task)
