"""Rescaled initialisation against the reference's iterations, and its invariants."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import make_mask, make_model, same_weights, slow, started, two_devices
from tests.fixtures_net import SHARED, build, images, load, to_keras
from tfsparse import paths
from tfsparse.frozen import frozen
from tfsparse.graph import clone
from tfsparse.mask import Mask, apply_mask
from tfsparse.recipe import Recipe, RescaledInit, initial, prepare, strip
from tfsparse.recipe.scale_steps import ScaleSteps
from tfsparse.surgery import Surgery
from tfsparse.task import Data, Task

ROOT = pathlib.Path(__file__).resolve().parents[2]
needs_fixtures = pytest.mark.skipif(not SHARED.is_dir(), reason=f"reference fixtures are not at {SHARED}")


def our_name(name):
    """`layer1.0.bn1.weight` -> `layer1/0/bn1/gamma`."""
    path, part = name.rsplit(".", 1)
    norm = "bn" in path.rsplit(".", 1)[-1] or path.endswith("downsample.1")
    return (
        path.replace(".", "/")
        + "/"
        + {"weight": "gamma" if norm else "kernel", "bias": "beta" if norm else "bias"}[part]
    )


@needs_fixtures
@pytest.mark.parametrize("name", ["gradinit_oresnet8", "gradinit_vgg_perturbed"])
def test_scales_equal_the_reference(name):
    arrays, meta = load(name)
    settings = meta["settings"]
    model, _ = build(meta, arrays)
    data = Data.from_arrays(train=images(range(4)), batch_size=meta["batch_size"], shuffle=False)
    mask = {our_name(key[5:]): to_keras(value) for key, value in arrays.items() if key.startswith("mask/")}
    if not all(key.endswith("weight") for key in arrays if key.startswith("mask/")):
        mask = {our_name(key[5:] + ".weight"): to_keras(v) for key, v in arrays.items() if key.startswith("mask/")}
    own = {
        ours: settings[theirs]
        for ours, theirs in (("iterations", "iters"), ("rate", "lr"), ("gamma", "gamma"), ("eta", "eta"))
    }
    init = RescaledInit(**own, min_scale=0.01)
    rows = init.run(model, mask, Task(data))
    reference = {key.split("/", 1)[1]: v for key, v in arrays.items() if key.startswith("mask_in_forward/")}
    constraint = [row["updated_loss"] is None for row in rows]
    assert constraint == [bool(c) for c in reference["is_constraint"]]
    norms = np.array([row["norm"] for row in rows])
    np.testing.assert_allclose(norms[0], reference["gnorm"][0], rtol=1e-4)
    np.testing.assert_allclose(norms, reference["gnorm"], rtol=1e-2)
    np.testing.assert_allclose([row["loss"] for row in rows], reference["init_loss"], rtol=1e-2)
    column = {name: k for k, name in enumerate(rows[0]["names"])}
    chosen = [(our_name(str(n)), k) for k, n in enumerate(reference["names"]) if reference["comparable"][k]]
    ours = np.array([[row["scales"][column[n]] for n, _ in chosen] for row in rows])
    error = np.abs(ours - reference["alpha_f64"][:, [k for _, k in chosen]])
    assert error[0].max() < 1e-4 and error[:5].max() < 1e-3 and error[-1].max() < 1e-2 and error[-1].mean() < 2e-3
    weights = paths.weights(model)
    for path, array in mask.items():
        assert not np.any(weights[path].numpy()[array == 0]), "a pruned weight moved"


def test_directions_zeros_and_statistics_stay(task):
    model = make_model()
    mask = make_mask(model)
    apply_mask(model, mask)
    before = {path: variable.numpy() for path, variable in paths.weights(model).items()}
    rows = RescaledInit(iterations=6, rate=0.05).run(model, mask, task)
    after = {path: variable.numpy() for path, variable in paths.weights(model).items()}
    assert np.all(rows[-1]["scales"] >= 0) and np.any(rows[-1]["scales"] != 1)
    for path, value in before.items():
        if "moving" in path or not value.any():
            np.testing.assert_array_equal(after[path], value)
        else:
            cosine = np.vdot(value, after[path]) / np.linalg.norm(value) / np.linalg.norm(after[path])
            assert cosine == pytest.approx(1, abs=1e-5), path


@pytest.mark.parametrize("policy", ["mixed_float16", slow("mixed_bfloat16")])
def test_a_model_in_half_precision_is_rescaled_in_full(task, policy):
    model = make_model()
    expected = RescaledInit(iterations=3, rate=0.05).run(clone(model), None, task)[-1]["scales"]
    half = Surgery(model, dtype=policy).build()
    found = RescaledInit(iterations=3, rate=0.05).run(half, None, task)
    np.testing.assert_array_equal(found[-1]["scales"], expected)
    assert half.layers[2].compute_dtype != "float32"
    before, after = paths.weights(model), paths.weights(half)
    for name, scale in zip(found[-1]["names"], expected, strict=True):
        np.testing.assert_allclose(after[name].numpy(), scale * before[name].numpy(), rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("masked", [True, slow(False)])
def test_learns_before_or_after_the_mask(task, masked):
    model = make_model()
    mask = make_mask(model)
    expected = clone(model)
    if masked:
        apply_mask(expected, mask)
    RescaledInit(iterations=4, rate=0.05).run(expected, mask if masked else None, task)
    apply_mask(expected, mask)
    found = prepare(model, mask, RescaledInit(iterations=4, rate=0.05, masked=masked), task)
    weights = paths.weights(strip(found))
    for path, variable in paths.weights(expected).items():
        np.testing.assert_array_equal(weights[path].numpy(), variable.numpy(), err_msg=path)


@pytest.mark.parametrize("masked", [True, slow(False)])
@pytest.mark.parametrize(
    ("method", "brings", "tickets", "alike"),
    [
        ("imp", False, False, True),
        ("gem_miner", True, False, True),
        ("snip", False, False, False),
        ("imp", False, True, False),
        ("gem_miner", True, True, False),
    ],
)
def test_a_start_that_a_mask_was_found_for_stays_as_it_was_found(task, masked, method, brings, tickets, alike):
    model = make_model()
    weights = {path: variable.numpy() for path, variable in paths.weights(model).items()}
    mask = Mask(make_mask(model), {"method": method}, weights if brings else None)
    others, options = "ghost_neurons,ghost_skips,label_smoothing", f"iterations=2,masked={masked},tickets={tickets}"
    recipes = (others, f"{others},rescaled_init({options})")
    without, rescaled = (prepare(model, mask, recipe, task) for recipe in recipes)
    pairs = zip(without.get_weights(), rescaled.get_weights(), strict=True)
    assert all(np.array_equal(ours, theirs) for ours, theirs in pairs) is alike


def test_both_kinds_of_step_lower_what_they_should(task):
    """A small bound makes every step one on the norm, a large one none: the norm falls in the first case."""
    falling = RescaledInit(iterations=30, rate=0.02, gamma=1e-3).run(make_model(), None, task)
    assert all(row["updated_loss"] is None for row in falling)
    assert np.mean([r["norm"] for r in falling[-5:]]) < 0.9 * np.mean([r["norm"] for r in falling[:5]])
    free = RescaledInit(iterations=30, rate=0.02, gamma=1e6).run(make_model(), None, task)
    assert np.mean([r["updated_loss"] for r in free[-5:]]) < np.mean([r["updated_loss"] for r in free[:5]])


@pytest.mark.parametrize(("options", "least"), [({}, 0.5), ({"min_scale": 0.25}, 0.25)])
def test_scales_stop_at_their_bound(task, options, least):
    rows = RescaledInit(iterations=12, rate=0.1, gamma=1e-3, **options).run(make_model(), None, task)
    weights = [scale for name, scale in zip(rows[-1]["names"], rows[-1]["scales"], strict=True) if "beta" not in name]
    assert min(weights) == least


def test_a_bias_that_a_norm_takes_out_keeps_its_size(task):
    """Not one with an activation between itself and the norm."""
    K = keras.layers
    biased = {"kernel_size": 3, "bias_initializer": "ones"}
    model = keras.Sequential(
        [
            K.Conv2D(4, **biased, name="plain", input_shape=(8, 8, 3)),
            K.BatchNormalization(),
            K.Conv2D(4, **biased, activation="tanh", name="fused"),
            K.BatchNormalization(),
            K.Flatten(),
            K.Dense(3, name="head", bias_initializer="ones"),
        ]
    )
    row = RescaledInit(iterations=3).run(model, None, task)[-1]
    kept = {name for name, scale in zip(row["names"], row["scales"], strict=True) if scale == 1}
    assert {name for name in kept if name.endswith("bias")} == {"plain/bias"}


@pytest.mark.parametrize(("option", "value"), [("iterations", 0), ("min_scale", 1.5), ("rate", 0), ("eta", 0)])
def test_options_are_checked(option, value):
    with pytest.raises(ValueError, match=f"{option} must be .* received {value}"):
        RescaledInit(**{option: value})


def test_what_has_no_second_derivative_is_named(task):
    resize = keras.layers.Lambda(lambda x: tf.image.resize(x, (4, 4), "nearest"))
    parts = [keras.layers.Conv2D(2, 3, name="conv"), resize, keras.layers.Flatten(), keras.layers.Dense(3, name="head")]
    model = keras.Sequential([keras.Input((8, 8, 3)), *parts])
    with pytest.raises(ValueError, match="needs second derivatives, .*ResizeNearestNeighborGrad.* Leave it out"):
        RescaledInit(iterations=1, gamma=1e-6).run(model, None, task)


def test_on_several_devices_it_comes_before_them(model, mask, task):
    """Within the scope it failed over a reduction that nobody had chosen."""
    recipe = "rescaled_init(iterations=1)"
    with two_devices().scope(), pytest.raises(ValueError, match="outside strategy.scope"):
        prepare(model, mask, recipe, task)
    start = initial(model, mask, Recipe(recipe), task)
    with two_devices().scope():
        prepared = prepare(start, mask, recipe, task, initialize=False)
    found, expected = paths.weights(prepared), paths.weights(start)
    np.testing.assert_array_equal(found["conv1/kernel"].numpy(), expected["conv1/kernel"].numpy())


def test_gradients_of_embeddings_are_summed_by_rows():
    """A batch that names a row twice: the norm of its gradient is that of a dense layer on the same words, one-hot."""
    words = np.random.default_rng(0).integers(0, 5, (8, 6))
    norms = []
    for sparse in (True, False):
        keras.utils.set_random_seed(0)
        first = keras.layers.Embedding(5, 4) if sparse else keras.layers.Dense(4, use_bias=False)
        shape = [keras.Input((6,))] if sparse else [keras.Input((30,)), keras.layers.Reshape((6, 5))]
        model = keras.Sequential([*shape, first, keras.layers.Flatten(), keras.layers.Dense(3)])
        model.set_weights([np.random.default_rng(1).normal(size=w.shape) for w in model.get_weights()])
        shown = words if sparse else np.eye(5)[words].reshape(8, 30)
        task = Task(Data.from_arrays(train=(shown, np.arange(8) % 3), batch_size=8, shuffle=False))
        with frozen(model) as forward:
            steps = ScaleSteps(model, forward, task.loss_for(model), [None] * 3, 0.1)
            x, y = next(iter(task.data.train))
            gradients, norm, _ = steps.gradient(x, y)
            ahead, _ = steps.ahead(x, y, gradients, norm)
            norms.append([norm, *ahead, *steps.norm_derivatives(x, y)])
    np.testing.assert_allclose(*norms, rtol=1e-4)


def test_a_step_that_spoils_the_scales_is_an_error(task):
    K = keras.layers
    model = keras.Sequential([K.Flatten(input_shape=(8, 8, 3)), K.Dense(8, "relu"), K.Dense(3)])
    before = model.get_weights()
    with pytest.raises(FloatingPointError, match="not finite in iteration 0"):
        RescaledInit(iterations=99, eta=1e38, gamma=1e6).run(model, None, task)
    for kept, weight in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, weight)


def test_derivatives_that_are_not_finite_are_an_error_in_the_last_iteration_too(task, monkeypatch):
    """Loss and norm were still finite, and the weights were not."""
    monkeypatch.setattr(ScaleSteps, "norm_derivatives", lambda self, x, y: tf.fill([len(self.variables)], np.nan))
    model = started()
    with pytest.raises(FloatingPointError, match="not finite in iteration 0"):
        RescaledInit(iterations=1, gamma=1e-6).run(model, None, task)
    assert same_weights(model, started())


IN_A_PROCESS_OF_ITS_OWN = """
import tfsparse as ts, numpy as np, tf_keras as keras
from tests.conftest import make_data
from tfsparse.recipe import RescaledInit
keras.utils.set_random_seed(0)
model = ts.build_model("resnet20(width=0.25)", make_data())
rows = RescaledInit(iterations=3, gamma=1e-3).run(model, None, ts.Task(make_data()))
print(rows[-1]["scales"].tolist())
"""


@pytest.mark.slow
def test_every_process_finds_the_same_scales():
    """TensorFlow rewrites graphs in an order that differs between processes; second derivatives did not bear that."""
    command = [sys.executable, "-c", IN_A_PROCESS_OF_ITS_OWN]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    found = [subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300) for _ in range(2)]
    assert [ended.returncode for ended in found] == [0, 0], found[0].stderr
    assert found[0].stdout == found[1].stdout


def test_the_batches_come_in_one_stream(model, task, monkeypatch):
    """One was opened for every epoch, which on small data took longer than the iterations."""
    opened, epochs = [], Data.epochs
    monkeypatch.setattr(Data, "epochs", lambda data, *span: opened.append(span) or epochs(data, *span))
    RescaledInit(iterations=6).run(model, None, task)
    assert opened == [(0, -(-18 // task.data.steps_per_epoch))] and opened[0][1] > 1
