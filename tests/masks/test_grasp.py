"""GraSP against an explicit Hessian."""

import functools

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import make_data, slow
from tfsparse.mask import prunable
from tfsparse.masks import find_mask, scores
from tfsparse.task import Data, Task

BATCHES = (slice(0, 8), slice(8, 13))  # the last one is short
X = np.random.default_rng(0).normal(size=(13, 6, 6, 1)).astype("float32")
Y = np.arange(13) % 3


def small(softmax=False):
    """51 weights, norms of four-dimensional and of two-dimensional inputs."""
    layers = keras.layers
    stack = [
        layers.Conv2D(3, 3, use_bias=False, input_shape=(6, 6, 1), name="conv"),
        layers.BatchNormalization(epsilon=0.01, name="norm0"),
        layers.Activation("tanh"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(4, use_bias=False, name="hidden"),
        layers.BatchNormalization(epsilon=0.01, name="norm1"),
        layers.Activation("tanh"),
        layers.Dense(3, "softmax" if softmax else None, name="head"),
    ]
    model, random = keras.Sequential(stack), np.random.default_rng(1)
    model.set_weights([random.uniform(0.3, 1, w.shape) * random.choice([-1, 1], w.shape) for w in model.get_weights()])
    for name in ("norm0", "norm1"):
        variance = model.get_layer(name).moving_variance
        variance.assign(abs(variance))
    return model


def plain_loss(model, theta, rows, bn_mode, temperature):
    """The mean loss of a batch as a function of the vector of prunable weights, in float64."""
    shapes = [v.shape for v in prunable(model).values()]
    parts = tf.split(theta, [shape.num_elements() for shape in shapes])
    conv, hidden, head = (tf.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True))

    def norm(name, x):
        gamma, beta, mean, variance = (tf.cast(v, tf.float64) for v in model.get_layer(name).variables)
        if bn_mode == "batch":
            axes = list(range(len(x.shape) - 1))
            mean = tf.reduce_mean(x, axes)
            variance = tf.reduce_mean((x - mean) ** 2, axes)
        return gamma * (x - mean) / tf.sqrt(variance + 0.01) + beta

    patches = tf.image.extract_patches(tf.cast(X[rows], tf.float64), [1, 3, 3, 1], [1] * 4, [1] * 4, "VALID")
    x = tf.reduce_mean(tf.tanh(norm("norm0", patches @ tf.reshape(conv, (9, 3)))), (1, 2))
    x = tf.tanh(norm("norm1", x @ hidden))
    logits = (x @ head + tf.cast(model.get_layer("head").bias, tf.float64)) / temperature
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(Y[rows], logits))


def expected(model, bn_mode, temperature, live=1.0):
    """theta * (H g), normalised, H and g written out; both in the weights that live."""
    theta = tf.concat([tf.reshape(tf.cast(v, tf.float64), [-1]) for v in prunable(model).values()], 0)
    with tf.GradientTape() as outer:
        outer.watch(theta)
        with tf.GradientTape() as inner:
            inner.watch(theta)
            losses = [plain_loss(model, theta, rows, bn_mode, temperature) * len(Y[rows]) for rows in BATCHES]
            loss = tf.add_n(losses) / len(Y)
        gradient = inner.gradient(loss, theta) * live
    hessian = outer.jacobian(gradient, theta)
    score = (theta * tf.linalg.matvec(hessian, gradient)).numpy()
    return score / np.abs(score).sum()


def task(**options):
    return Task(Data.from_arrays(train=(X, Y), batch_size=8, shuffle=False), **options)


@pytest.mark.parametrize(
    ("bn_mode", "temperature", "softmax"),
    [
        slow("batch", 1, False),
        ("batch", 200, True),
        ("inference", 200, False),
        slow("batch", 200, False),
        slow("inference", 1, False),
        slow("inference", 200, True),
    ],
)
def test_against_an_explicit_hessian(bn_mode, temperature, softmax):
    model = small(softmax)
    method = f"grasp(batches=2, temperature={temperature}, bn_mode={bn_mode!r})"
    found = np.concatenate([array.ravel() for array in scores(model, method, task()).values()])
    reference = expected(model, bn_mode, temperature)
    assert len(found) == 51 and np.any(reference > 0) and np.any(reference < 0)
    np.testing.assert_allclose(found, reference, rtol=0, atol=1e-4 * np.abs(reference).max())


def test_the_lowest_go_sign_and_all():
    model = small()
    found = scores(model, "grasp", task())
    ordered = np.sort(np.concatenate([array.ravel() for array in found.values()]))
    mask = find_mask(model, "grasp", sparsity=21 / 51, task=task())
    for path, array in found.items():
        np.testing.assert_array_equal(mask[path], array >= ordered[21])
    absolute = scores(model, "grasp(magnitude=True)", task())
    for path, array in found.items():
        np.testing.assert_array_equal(absolute[path], abs(array))


def test_later_rounds_look_at_the_flow_of_what_is_left():
    """Two rounds, as an explicit Hessian in the live weights alone prunes: 51 weights to 32 to 20."""
    model, live = small(), np.ones(51, bool)
    start = np.concatenate([v.numpy().ravel() for v in prunable(model).values()])
    for count in (32, 20):
        pruned = start * live
        for variable, part in zip(prunable(model).values(), np.split(pruned, [27, 39]), strict=True):
            variable.assign(part.reshape(variable.shape))
        score = np.where(live, expected(model, "batch", 200, live.astype("float64")), -np.inf)
        live = score >= np.sort(score)[-count]
    found = find_mask(small(), "grasp(batches=2, rounds=2)", sparsity=1 - 20 / 51, task=task())
    np.testing.assert_array_equal(np.concatenate([array.ravel() for array in found.values()]), live)


def test_only_what_lives_is_ranked():
    """A dead weight's score is 0, and many live ones are below: the reference code revives it."""
    several = find_mask(small(), "grasp(rounds=5)", sparsity=0.6, task=task())
    assert several.live == round(0.4 * 51)
    assert several != find_mask(small(), "grasp", sparsity=0.6, task=task())


def test_vectors_as_labels():
    model = small()
    vectors = Task(Data.from_arrays(train=(X, np.eye(3)[Y]), batch_size=8, shuffle=False))
    expected, found = scores(model, "grasp", task()), scores(model, "grasp", vectors)
    for path in expected:
        np.testing.assert_allclose(found[path], expected[path], rtol=1e-3, atol=1e-7)


def test_other_losses_have_no_temperature():
    model, other = small(), task(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    vectors = Data.from_arrays(train=(X, np.eye(3)[Y]), batch_size=8)
    hinge = Task(vectors, loss=keras.losses.CategoricalHinge())
    with pytest.raises(ValueError, match="the task's loss is CategoricalHinge. Use temperature=1"):
        scores(model, "grasp", hinge)
    assert any(array.any() for array in scores(model, "grasp(temperature=1)", hinge).values())
    expected = scores(model, "grasp", task())
    for path, array in scores(model, "grasp", other).items():
        np.testing.assert_array_equal(array, expected[path])


@pytest.mark.parametrize("temperature", [0, -1, "hot", float("nan"), float("inf"), True])
def test_temperatures_out_of_range(temperature):
    with pytest.raises(ValueError, match="temperature must be a number in .0, inf."):
        scores(small(), "grasp", task(), temperature=temperature)


def test_other_errors():
    with pytest.raises(ValueError, match="pass task=Task"):
        find_mask(small(), "grasp", sparsity=0.5)
    with pytest.raises(ValueError, match="batches must be a whole number of at least 1"):
        find_mask(small(), "grasp(batches=0)", sparsity=0.5, task=task())
    with pytest.raises(ValueError, match="Unknown bn_mode 'train'"):
        find_mask(small(), "grasp(bn_mode='train')", sparsity=0.5, task=task())
    resize = functools.partial(tf.image.resize, size=(4, 4), method="bicubic")
    for function in (resize, tf.function(resize)):  # TensorFlow has a message for each
        layers = [keras.layers.Conv2D(3, 3, input_shape=(6, 6, 1)), keras.layers.Lambda(function), *small().layers[3:]]
        with pytest.raises(
            ValueError, match="^grasp needs second derivatives, and TensorFlow has none of ResizeBicubicGrad. s"
        ):
            find_mask(keras.Sequential(layers), "grasp", sparsity=0.5, task=task())


def test_the_model_is_as_before(model):
    before = [w.tobytes() for w in model.get_weights()]
    find_mask(model, "grasp(rounds=3)", sparsity=0.5, task=Task(make_data()))
    assert [w.tobytes() for w in model.get_weights()] == before


def test_probabilities_that_are_all_but_0():
    """Images of 0 to 255: the second derivative of a logarithm is one over the probability squared."""
    images = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 3)).astype("uint8")
    convs = [keras.layers.Conv2D(16, 3, activation="relu", kernel_initializer="he_normal") for _ in range(2)]
    head = [keras.layers.Flatten(), keras.layers.Dense(4, "softmax")]
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8, 8, 3)), *convs, *head])
    found = scores(model, "grasp", Task(Data.from_arrays(train=(images, np.arange(32) % 4), batch_size=32), epochs=1))
    assert all(np.isfinite(array).all() for array in found.values())


@pytest.mark.parametrize("bn_mode", ["batch", slow("inference")])
def test_half_precision_finds_the_mask_of_full_precision(bn_mode):
    """Gradients of a loss whose logits are divided by 200 are below what float16 can hold."""
    L, random = keras.layers, np.random.default_rng(0)

    def net(policy):
        parts = [
            (L.Conv2D(w, 3, padding="same", use_bias=False, dtype=policy), L.BatchNormalization(dtype=policy), L.ReLU())
            for w in (16, 32, 32)
        ]
        head = [
            L.GlobalAveragePooling2D(),
            L.Dense(10, dtype=policy, name="head"),
            L.Activation("linear", dtype="float32"),
        ]
        return keras.Sequential([keras.Input((8, 8, 1)), *(part for three in parts for part in three), *head])

    images = random.normal(size=(64, 8, 8, 1)).astype("float32")
    task = Task(Data.from_arrays(train=(images, random.integers(0, 10, 64)), batch_size=64))
    keras.utils.set_random_seed(0)
    full, half = net("float32"), net("mixed_float16")
    half.set_weights(full.get_weights())
    expected, found = (
        find_mask(model, "grasp", bn_mode=bn_mode, sparsity=0.95, task=task).values() for model in (full, half)
    )
    assert sum((a & b).sum() for a, b in zip(expected, found, strict=True)) > 0.95 * sum(a.sum() for a in expected)
