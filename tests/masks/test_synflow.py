"""SynFlow's laws, and the models it must cope with."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import make_data, slow
from tfsparse.masks import find_mask, scores
from tfsparse.task import Task

COLLAPSED = "left without a weight"


def mlp(widths, final=None, use_bias=False):
    layers = [keras.layers.Dense(width, "relu", use_bias=use_bias) for width in widths[1:-1]]
    return keras.Sequential(
        [keras.Input((widths[0],)), *layers, keras.layers.Dense(widths[-1], final, use_bias=use_bias)]
    )


def test_flow_is_conserved_from_layer_to_layer_and_unit_to_unit():
    found = list(scores(mlp([7, 12, 9, 5]), "synflow").values())
    np.testing.assert_allclose([array.sum() for array in found], found[0].sum(), rtol=2e-6)
    for before, after in itertools.pairwise(found):
        np.testing.assert_allclose(before.sum(0), after.sum(1), rtol=2e-6)


def test_holds_together_where_magnitude_loses_layers():
    model = mlp([20, 30, 60, 90, 60, 120, 60, 90, 30, 20, 5])
    total = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
    sparsity = 1 - 2 * 10 / total
    mask = find_mask(model, "synflow", sparsity=sparsity)
    assert mask.live == 20 and not mask.empty
    with pytest.warns(UserWarning, match=COLLAPSED):
        assert find_mask(model, "magnitude", sparsity=sparsity).empty


def test_scores_need_no_data_and_no_sign(model, task):
    expected = scores(model, "synflow")
    flipped = keras.models.clone_model(model)
    flipped.set_weights([-w if w.ndim > 1 else w for w in model.get_weights()])
    for found in (scores(model, "synflow", task), scores(flipped, "synflow")):
        for path in expected:
            np.testing.assert_allclose(found[path], expected[path], rtol=2e-6)


def steep(slope, depth=10):
    """Layers that multiply by at least `slope` each."""
    layers = [
        keras.layers.Dense(3, "relu", kernel_initializer=keras.initializers.Constant(slope)) for _ in range(depth)
    ]
    return keras.Sequential([keras.Input((3,)), *layers])


def test_what_overflows_float32_stays_finite():
    found = scores(steep(1e20), "synflow")
    assert all(np.isfinite(array).all() and array.min() > 1e200 for array in found.values())


def test_overflow_of_scaled_float64_is_an_error():
    with pytest.raises(ValueError, match="are not finite"):
        scores(steep(1e32, 30), "synflow")


ENDS = {
    "softmax": lambda x, head: head(x, "softmax"),
    "sigmoid": lambda x, head: head(x, "sigmoid"),
    "softmax, a layer": lambda x, head: keras.layers.Softmax()(head(x)),
    "softmax, TensorFlow's": lambda x, head: head(x, tf.nn.softmax),
    "softmax, Keras' other": lambda x, head: keras.layers.Activation(keras.backend.softmax)(head(x)),
    "softmax, an operator": lambda x, head: tf.nn.softmax(head(x), axis=-1),
    "log softmax": lambda x, head: tf.nn.log_softmax(head(x)),
    "softmax, a function in a layer": lambda x, head: keras.layers.Lambda(tf.nn.softmax)(head(x)),
    "softmax, float32": lambda x, head: keras.layers.Activation("linear", dtype="float32")(head(x, "softmax")),
    "softmax, reshaped": lambda x, head: keras.layers.Reshape((3, 1))(head(x, "softmax")),
    "sigmoid, cast": lambda x, head: tf.cast(head(x, "sigmoid"), tf.float16),
    "softmax, averaged": lambda x, head: keras.layers.Average()([tf.nn.softmax(y := head(x)), tf.nn.softmax(y)]),
}


@pytest.mark.parametrize("end", sorted(ENDS))
def test_squashed_outputs_are_opened(end):
    """What a softmax lets through of large numbers is rounding: its scores would be noise."""

    def build(end):
        keras.utils.set_random_seed(1)
        inputs = keras.Input((6,))
        x = keras.layers.Dense(8, "relu", name="a")(inputs)
        return keras.Model(inputs, end(x, lambda x, last=None: keras.layers.Dense(3, last, name="b")(x)))

    expected = scores(build(lambda x, head: head(x)), "synflow")
    for path, found in scores(build(ENDS[end]), "synflow").items():
        np.testing.assert_allclose(found, expected[path], rtol=2e-6)


def test_squashed_outputs_of_every_step_are_opened():
    def build(last):
        keras.utils.set_random_seed(1)
        return keras.Sequential(
            [keras.Input((4, 6)), keras.layers.TimeDistributed(keras.layers.Dense(3, last), name="t")]
        )

    for found, expected in zip(*(scores(build(last), "synflow").values() for last in ("softmax", None)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-6)


CEILINGS = {
    "layer": keras.layers.ReLU(6.0),
    "function": keras.layers.Activation(tf.nn.relu6),
    "operator": tf.nn.relu6,
    "after a sum": lambda x: keras.layers.ReLU(6.0)(x + 0.0),
    "after a sum of two, then scaled": lambda x: tf.nn.relu6(x * 0.5 + x * 0.5) * 1.0,
}


@pytest.mark.parametrize("form", sorted(CEILINGS))
def test_ceilings_and_image_scaling_are_opened(form):
    def build(first, ceiling):
        x = inputs = keras.Input((6,))
        for layer in [*first, keras.layers.Dense(8, name="a"), ceiling, keras.layers.Dense(3, name="b")]:
            x = layer(x)
        model = keras.Model(inputs, x)
        model.set_weights([np.full(w.shape, 3.0) for w in model.get_weights()])
        return scores(model, "synflow")

    expected = build([], keras.layers.ReLU())
    found = build([keras.layers.Rescaling(1 / 127.5, -1)], CEILINGS[form])
    for path in expected:
        np.testing.assert_allclose(found[path], expected[path], rtol=2e-6)


HARD_SIGMOIDS = {
    "layer": lambda x: keras.layers.ReLU(6.0)(x + 3.0) * (1 / 6),
    "operator": lambda x: tf.nn.relu6(x + 3.0) / 6.0,
    "constant first": lambda x: keras.layers.Activation(tf.nn.relu6)(3.0 + x) * (1 / 6),
    "functions": lambda x: tf.multiply(tf.nn.relu6(tf.add(x, 3.0)), 1 / 6),
}


@pytest.mark.parametrize("form", sorted(HARD_SIGMOIDS))
def test_a_hard_sigmoid_keeps_its_ceiling(form):
    def build(gated):
        inputs = keras.Input((6,))
        x = keras.layers.Dense(8, kernel_initializer="ones", name="a")(inputs)
        x = keras.layers.Multiply()([x, HARD_SIGMOIDS[form](x)]) if gated else x
        return scores(keras.Model(inputs, keras.layers.Dense(3, kernel_initializer="ones", name="b")(x)), "synflow")

    expected, found = build(False), build(True)
    for path in expected:
        np.testing.assert_allclose(found[path], expected[path], rtol=2e-6)


def test_a_flow_too_small_for_float32_is_not_taken_for_none():
    small = keras.initializers.RandomUniform(0, 0.05, seed=0)
    model = keras.Sequential(
        [keras.Input((8,)), *(keras.layers.Dense(8, "relu", kernel_initializer=small) for _ in range(60))]
    )
    mask = find_mask(model, "synflow(rounds=3)", sparsity=0.5)
    assert mask.live == 30 * 64 and not mask.empty


def test_constants_in_the_graph_come_along_to_other_precisions():
    inputs = keras.Input((6,))
    x = 3.0 + keras.layers.Dense(8, name="a")(inputs) * np.ones(8, "float32")
    x = tf.cast(keras.layers.Dense(4, name="b")(x), tf.float32)
    model = keras.Model(inputs, keras.layers.Dense(3, name="c")(x))
    model.set_weights([np.full(w.shape, 1e20) for w in model.get_weights()])
    assert all(np.isfinite(array).all() and array.min() > 1e60 for array in scores(model, "synflow").values())


def test_a_layer_called_twice_has_one_mask():
    shared = keras.layers.Dense(6, "relu", name="shared")
    inputs = keras.Input((6,))
    model = keras.Model(inputs, keras.layers.Dense(2, name="head")(shared(shared(inputs))))
    assert find_mask(model, "synflow(rounds=10)", sparsity=0.5).live == 24


def test_several_inputs_and_outputs():
    a, b = keras.Input((4,)), keras.Input((3,))
    x = keras.layers.Concatenate()([a, b])
    model = keras.Model([a, b], [keras.layers.Dense(2)(x), keras.layers.Dense(3, "softmax")(x)])
    assert all(array.all() for array in scores(model, "synflow").values())


def test_open_sizes_are_the_tasks():
    layers = keras.layers
    stack = [keras.Input((None, None, 3)), layers.Conv2D(4, 3), layers.GlobalMaxPooling2D(), layers.Dense(3)]
    model = keras.Sequential(stack)
    with pytest.raises(ValueError, match=r"size of input 'input_\w+' is not known: \(None, None, None, 3\)"):
        find_mask(model, "synflow", sparsity=0.5)
    assert find_mask(model, "synflow(rounds=3)", sparsity=0.5, task=Task(make_data())).sparsity == 0.5


def test_no_flow_is_an_error():
    with pytest.raises(ValueError, match="finds no flow through model"):
        find_mask(
            keras.Sequential([keras.layers.Dense(3, kernel_initializer="zeros", input_shape=(2,))]),
            "synflow",
            sparsity=0.5,
        )


def test_layers_that_saturate_are_named(caplog):
    def build(activation):
        wide = {"kernel_initializer": "ones"}
        stack = [keras.layers.Dense(32, activation, name=name, **wide) for name in ("a", "b")]
        return keras.Sequential([keras.Input((32,)), *stack, keras.layers.Dense(4, name="c")])

    find_mask(build("relu"), "synflow(rounds=3)", sparsity=0.5)
    assert not caplog.records
    find_mask(build("tanh"), "synflow(rounds=3)", sparsity=0.5)
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 1 and "no flow through most units of 2 of 3 layers: a/kernel, b/kernel" in messages[0]


def test_a_subclassed_model_is_refused():
    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, inputs):
            return self.dense(inputs)

    model = Subclassed()
    model(tf.ones((1, 4)))
    with pytest.raises(ValueError, match="SynFlow .* needs a functional or Sequential model"):
        find_mask(model, "synflow", sparsity=0.5)
    for method in ("random", "magnitude"):
        assert find_mask(model, method, sparsity=0.5).live == 6


@pytest.mark.parametrize(
    "norm",
    [lambda: keras.layers.LayerNormalization(), lambda: keras.layers.GroupNormalization(4)],
    ids=["layer", "group"],
)
def test_norms_of_single_examples_do_not_hide_the_kernels(norm):
    """Divided by its own size, the flow does not depend on how large kernels are, and the first layers lose everything."""
    parts = [part() for _ in range(6) for part in (lambda: keras.layers.Dense(32), norm, keras.layers.ReLU)]
    model = keras.Sequential([keras.Input((32,)), *parts, keras.layers.Dense(4)])
    found = [array.sum() for array in scores(model, "synflow").values()]
    np.testing.assert_allclose(found, found[0], rtol=1e-5)
    counts = [int(array.sum()) for array in find_mask(model, "synflow(rounds=20)", sparsity=0.98).values()]
    assert min(counts) > 5


@pytest.mark.parametrize(
    "preprocess",
    [
        lambda images: images / 127.5 - 1,
        keras.applications.resnet50.preprocess_input,  # as BGR, less the mean
        slow(keras.applications.mobilenet_v2.preprocess_input),
        slow(lambda images: keras.applications.densenet.preprocess_input(keras.layers.Rescaling(2.0)(images))),
    ],
)
def test_what_is_subtracted_from_the_images_stops_no_flow(preprocess):
    """What flowed in was negative: all scores were 0, or those of half a network, whose weights the seed then chose."""
    images = keras.Input((6, 6, 3))
    layers = [keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.GlobalAveragePooling2D()]
    inner = keras.Sequential([keras.Input((6, 6, 3)), *layers, keras.layers.Dense(3, bias_initializer="ones")])
    expected = scores(inner, "synflow")
    model = keras.Model(images, inner(preprocess(images)))
    for whole in (model, keras.Sequential([keras.Input((6, 6, 3)), model])):
        for ours, theirs in zip(scores(whole, "synflow").values(), expected.values(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_what_is_subtracted_between_layers_is_named():
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(4, use_bias=False)(inputs) - 100.0
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.ReLU()(hidden)))
    with pytest.raises(ValueError, match="all scores are 0. .*something is subtracted on the way"):
        scores(model, "synflow")
