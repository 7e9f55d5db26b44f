"""Whole training steps against the reference, and recipes that must change nothing."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests import fixtures_net
from tests.conftest import make_data, make_mask, make_model, slow
from tests.fixtures_net import SHARED, build, images, load, to_keras
from tfsparse import paths
from tfsparse.mask import sparsify
from tfsparse.recipe import Recipe, prepare
from tfsparse.task import Task
from tfsparse.task.sgd import SGD

needs_fixtures = pytest.mark.skipif(not SHARED.is_dir(), reason=f"reference fixtures are not at {SHARED}")
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

MORE = {
    "silu": lambda op, arrays, prefix, x: tf.nn.silu(x),
    "add_scaled": lambda op, arrays, prefix, x, ghost: keras.layers.Add()(
        [x, keras.layers.Rescaling(op["alpha"])(ghost)]
    ),
}


def places(arrays, part):
    """Reference arrays of one part of a run by our weight paths."""
    found = {
        key.removeprefix(f"{part}/"): to_keras(value) for key, value in arrays.items() if key.startswith(f"{part}/")
    }
    suffix = {"running_mean": "moving_mean", "running_var": "moving_variance"}
    norms = {name.rpartition(".")[0] for name in found if name.endswith("running_mean")}
    paths_ = {}
    for name, value in found.items():
        layer, local = name.rpartition(".")[::2]
        plain = {"weight": "kernel", "bias": "bias"}
        in_norm = {"weight": "gamma", "bias": "beta", **suffix}
        paths_[layer.replace(".", "/") + "/" + (in_norm if layer in norms else plain)[local]] = value
    return paths_


@needs_fixtures
@pytest.mark.parametrize(
    "run, dtype, tolerance",
    [
        slow("oresnet8_ce", "float64", 0.02),
        ("oresnet8_ce", "float32", 0.05),  # Keras' rounding moves a norm's shift, 0.009 at most, by 3 %
        (
            "resnet18_skip_ls",
            "float64",
            0.05,
        ),  # in float32 ghosts blow rounding up: 4.6 % between the reference's own two
        ("resnet18_swish_ce", "float32", 1e-4),
    ],
)
def test_masked_steps_equal_the_reference(run, dtype, tolerance, monkeypatch):
    """The reference's zeroed gradients and our constraint on the weights give the same live weights."""
    keras.mixed_precision.set_global_policy(dtype)
    monkeypatch.setattr(fixtures_net, "_OPS", {**MORE, **fixtures_net._OPS})
    every, meta = load("train_steps")
    arrays = {key.removeprefix(f"{run}/"): value for key, value in every.items() if key.startswith(f"{run}/")}
    info = meta["runs"][run]
    model, _ = build(info, arrays)
    mask = {path: value != 0 for path, value in places(arrays, "mask").items()}
    model = sparsify(model, mask)
    batch, steps = info["batch"], info["steps"]
    x, y = images(range(4))
    drop = info["lr_drop_x0.1_before_step"]
    rate = keras.optimizers.schedules.PiecewiseConstantDecay([drop - 1], [info["lr"], info["lr"] * 0.1])
    recipe = Recipe("label_smoothing" if info["loss_fn"].startswith("label") else "none")
    optimizer = SGD(rate, momentum=info["momentum"], weight_decay=info["weight_decay_l2_on_every_parameter"])
    model.compile(optimizer, recipe.loss(LOSS))
    losses = []
    for s in range(steps):
        losses.append(float(model.train_on_batch(*(a[s * batch : (s + 1) * batch] for a in (x, y)))))
    np.testing.assert_allclose(losses[:2], arrays["loss_f64"][:2], rtol=1e-5)
    np.testing.assert_allclose(losses, arrays["loss_f64"], rtol=1e-3 if dtype == "float32" else 1e-6)
    weights = paths.weights(model)
    for path, value in places(arrays, "final").items():
        worst = np.abs(weights[path].numpy() - value).max() / max(np.abs(value).max(), 1e-12)
        assert worst < tolerance or np.abs(value).max() < 1e-6, path
    assert all(not np.any(weights[path].numpy()[~kept]) for path, kept in mask.items())


def losses(recipe, epochs=2):
    """The loss of each batch of a short training in a fixed order."""
    keras.utils.set_random_seed(3)
    data = make_data(shuffle=False)
    model = make_model()
    prepared = prepare(model, make_mask(model), recipe, Task(data, epochs=epochs))
    prepared.compile(SGD(0.02, momentum=0.9, weight_decay=1e-3), Recipe(recipe).loss(LOSS))
    return [prepared.train_on_batch(x, y) for _ in range(epochs) for x, y in data.train]


def test_ghosts_without_strength_change_nothing(monkeypatch):
    """A strength of 0 from the start, no recipe, and smoothing by 0 train along the same curve; a real ghost does not."""
    plain = losses("none")
    np.testing.assert_allclose(losses("label_smoothing(amount=0.0)"), plain, rtol=1e-5)
    full = losses("ghost_neurons(beta=(1.0, 1.0), share=0.5),ghost_skips(share=0.5)")
    assert np.abs(np.subtract(full, plain)).max() > 1e-3
    monkeypatch.setattr("tfsparse.recipe.strength.Strength.at", lambda self, step: tf.constant(0.0))
    np.testing.assert_allclose(losses("ghost_neurons(share=0.5),ghost_skips(share=0.5)"), plain, rtol=1e-4)


def test_a_sparse_model_without_a_recipe_is_the_plain_one():
    """Against sparsify alone, with Keras' own optimizer."""
    data, curves = make_data(shuffle=False), []
    for build_it in (lambda m, k: prepare(m, k, "none", Task(data)), sparsify):
        keras.utils.set_random_seed(3)
        model = make_model()
        sparse = build_it(model, make_mask(model))
        sparse.compile(keras.optimizers.SGD(0.02, momentum=0.9), LOSS)
        curves.append([sparse.train_on_batch(x, y) for x, y in data.train])
    np.testing.assert_allclose(*curves, rtol=1e-5)
