"""What every mask method must hold to. A new entry in `METHODS` is tested here without a line of its own."""

import random

import numpy as np
import pytest
import tensorflow as tf
from tf_keras.src import backend

from tests.conformance import settings
from tests.conftest import make_data, make_model, slow
from tfsparse import find_mask
from tfsparse.mask import prunable
from tfsparse.masks import METHODS
from tfsparse.task import Task

pytestmark = pytest.mark.filterwarnings("ignore:.*without a weight")


@pytest.fixture(params=sorted(METHODS))
def method(request):
    return settings.METHODS.get(request.param, request.param)


ALL = [(density, kind) for kind in ("all", "conv") for density in (1, 0.5, 0.1, 0.01)]
FEW = [(0.01, "all"), (0.1, "all"), (0.5, "conv")]
CASES = [
    pytest.param(name, *case, marks=() if case in (FEW[:1] if name in settings.TRAIN else FEW) else pytest.mark.slow)
    for name in sorted(METHODS)
    for case in ALL
]


@pytest.mark.parametrize(("name", "density", "kind"), CASES)
def test_sparsity_is_exact(name, model, task, density, kind):
    method = settings.METHODS.get(name, name)
    mask = find_mask(model, method, sparsity=1 - density, task=task, prunable=kind)
    assert list(mask) == list(prunable(model, kind))
    assert mask.live == round((1 - (1 - density)) * mask.total)


@pytest.mark.parametrize("name", [slow(name) if name in settings.TRAIN else name for name in sorted(METHODS)])
def test_same_seed_same_mask(name, model, task):
    """(Those that train are held to it by their tests of killed searches, too.)"""
    method = settings.METHODS.get(name, name)
    first, second = (find_mask(model, method, sparsity=0.8, task=task, seed=1) for _ in range(2))
    assert first == second
    if name in settings.DRAWN:
        assert find_mask(model, method, sparsity=0.8, task=task, seed=2) != first


@pytest.mark.parametrize("options", [{}, slow({"sanity": "reinitialize"})], ids=str)
def test_nothing_is_changed(method, options):
    model, task = make_model(), Task(make_data())
    tf.random.set_seed(3)
    model.layers[1].trainable = False
    model.compile("sgd", "mse")
    for variable in model.non_trainable_variables:
        variable.assign(np.random.default_rng(0).uniform(0.5, 2, variable.shape))
    tf.random.get_global_generator().uniform([3])
    before = state(model)
    find_mask(model, method, sparsity=0.9, task=task, **options)
    assert state(model) == before


def state(model):
    """Everything that finding a mask must leave alone, bit for bit."""
    return {
        "weights": [(variable.name, variable.numpy().tobytes()) for variable in model.variables],
        "trainable": [layer.trainable for layer in model._flatten_layers()],
        "attributes": [sorted(vars(layer)) for layer in model._flatten_layers()],
        "python": random.getstate(),
        "numpy": np.random.get_state()[1].tobytes(),
        "keras": backend._SEED_GENERATOR.generator.getstate(),
        "tensorflow": tf.random.get_global_generator().state.numpy().tobytes(),
        "floatx": (backend.floatx(), str(tf.random.uniform([2], seed=None).dtype)),
    }
