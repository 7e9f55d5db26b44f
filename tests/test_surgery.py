"""The rebuilt graph computes what the original computes, whatever the original is made of."""

import keras_cv
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import make_model
from tests.test_graph import TINY, Own
from tfsparse import paths
from tfsparse.compaction import compact
from tfsparse.graph import clone
from tfsparse.mask import Mask
from tfsparse.recipe import Ingredient, prepare
from tfsparse.surgery import Surgery, relu_limit
from tfsparse.task import Data, Task

K = keras.layers


def nested_and_shared():
    """A Sequential called twice, and one of its layers used outside of it as well."""
    dense = K.Dense(4, activation="relu", name="dense")
    inner = keras.Sequential([keras.Input((4,)), dense, K.BatchNormalization(name="norm")], name="inner")
    x = keras.Input((4,))
    return keras.Model(x, K.Dense(2, name="head")(inner(inner(x)) + dense(x)))


def shared_inside_and_outside():
    """The layer is called outside first, but its weights are named after the nested model, which comes first."""
    dense, inside = K.Dense(4, name="dense"), keras.Input((4,))
    inner = keras.Model(inside, dense(dense(inside)), name="inner")
    x = keras.Input((4,))
    y, outside = inner(x), dense(x)
    return keras.Model(x, [K.Add()([y, outside]), inner(outside)])


def frozen_features(inside=None):
    inner = keras.Input((4,))
    features = keras.Model(inner, K.BatchNormalization()(K.Dense(3)(inner), training=inside), name="features")
    x = keras.Input((4,))
    return keras.Model(x, K.BatchNormalization()(features(x, training=False)))


def many_to_many():
    a, b = keras.Input((4,), name="a"), keras.Input((2,), name="b")
    both = K.Concatenate()([K.Dense(3)(a), b])
    return keras.Model({"a": a, "b": b}, {"sum": K.Add()([a, a]), "head": [K.Dense(2)(both), both]})


def named_inputs():
    """The nested model's own order is not that of the names, by which it is called; one name is none of its."""
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    inner = keras.Model([b, a], K.Subtract()([K.Dense(4)(a), b]), name="inner")
    x = keras.Input((4,))
    return keras.Model(x, inner({"a": x, "b": K.Rescaling(0.5)(x)}) + inner(inputs=[x, x]))


def operations():
    x = keras.Input((4, 3))
    y = tf.nn.relu(features=K.Dense(5)(x), name="named") + 1.0 - K.Dense(5)(x) * 2.0
    return keras.Model(x, tf.concat([tf.nn.relu(y, "named"), y], axis=-1)[:, 1])


def attention():
    x = keras.Input((4, 6))
    return keras.Model(x, K.Dense(2, activation=tf.nn.relu)(K.MultiHeadAttention(2, 3)(x, value=x)))


def fused():
    x = keras.Input((8, 8, 3))
    y = K.DepthwiseConv2D(3, activation="relu")(K.Conv2D(4, 3, activation="relu")(x))
    shared = K.SeparableConv2D(4, 3, padding="same", activation="relu")
    return keras.Model(x, K.Flatten()(shared(shared(y))))


def mobilenet_v2():
    return keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, classes=3)


def kerascv():
    backbone = keras_cv.models.ResNetBackbone(**TINY, include_rescaling=True, input_shape=(16, 16, 3))
    return keras_cv.models.ImageClassifier(backbone=backbone, num_classes=3)


def told_by_place():
    """`training` as the second argument, of a nested model and of a layer in another that is told otherwise."""
    outer, inner = frozen_features(), keras.Input((4,))
    norm = keras.Model(inner, K.BatchNormalization(name="norm")(K.Dense(4, name="dense")(inner), True), name="inside")
    x = keras.Input((4,))
    return keras.Model(x, outer.get_layer("features")(norm(x, training=False), False))


class Sum(K.Layer):
    def call(self, *inputs, training=None):
        return tf.add_n(list(inputs))


def any_number_by_place():
    """`training` has no place among the inputs."""
    x = keras.Input((4,))
    return keras.Model(x, K.Dense(2, name="head")(Sum()(*(K.Dense(3, name=name)(x) for name in "abc"))))


MAKERS = [
    make_model,
    any_number_by_place,
    nested_and_shared,
    many_to_many,
    named_inputs,
    operations,
    attention,
    fused,
    mobilenet_v2,
    kerascv,
]
MAKERS += [
    shared_inside_and_outside,
    frozen_features,
    lambda: frozen_features(True),
    told_by_place,
    lambda: keras.Sequential([keras.Input((4,)), K.Dense(2)]),
]


def inputs(model):
    random = np.random.default_rng(0)
    return tf.nest.map_structure(
        lambda x: random.normal(size=(2, *x.shape[1:])).astype("float32"), model._nested_inputs
    )


@pytest.mark.parametrize("make", MAKERS)
def test_the_rebuilt_model_equals_the_original(make):
    model = make()
    for variable in model.weights:  # moving averages away from 0 and 1, so that inference and training differ
        variable.assign(variable + 0.1 * tf.random.uniform(variable.shape))
    before = model.get_weights()
    copy, x = Surgery(model).build(), inputs(model)
    for training in (False, True):
        ours, theirs = copy(x, training=training), model(x, training=training)
        tf.nest.map_structure(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), ours, theirs)
        for variable, value in zip(model.weights, before, strict=True):
            variable.assign(value)
    assert list(paths.weights(copy)) == list(paths.weights(model))
    assert all(not isinstance(layer, keras.Model) for layer in copy.layers)
    assert not {id(v) for v in copy.weights} & {id(v) for v in model.weights}


def test_whole_numbers_that_a_nested_model_takes_as_floats():
    inside = keras.Input((4, 4, 3))
    features = keras.Model(inside, K.Conv2D(2, 3, name="conv")(inside))
    x = keras.Input((4, 4, 3), dtype="uint8")
    model, images = keras.Model(x, K.Flatten()(features(x))), np.arange(96, dtype="uint8").reshape(2, 4, 4, 3)
    for dtype, tolerance in ((None, 1e-6), ("mixed_bfloat16", 0.05)):
        np.testing.assert_allclose(Surgery(model, dtype=dtype).build()(images), model(images), rtol=tolerance, atol=1)


class Never(Ingredient):
    def initialize(self, model, mask, task):
        raise AssertionError("work was done before the refusal")


def test_what_leads_to_no_output_is_no_call():
    """Of features at two scales one is taken: the other's branch is in no copy. (Its name begins with that of one that is.)"""
    inside = keras.Input((4,))
    hidden = K.Dense(3, name="hidden")(inside)
    features = keras.Model(
        inside, [K.Dense(2, name="near")(hidden), K.Dense(2, name="near/far")(hidden)], name="features"
    )
    x = keras.Input((4,))
    model = keras.Model(x, K.Dense(2, name="head")(features(x)[0]))
    assert [call.path for call in Surgery(model).calls] == ["features/hidden", "features/near", "head"]
    data = Data.from_arrays(train=(np.ones((4, 4), "float32"), np.arange(4) % 2), batch_size=2)
    mask = Mask.ones(model)
    with pytest.raises(
        ValueError, match=r"'features/near/far/kernel', which no output .* exclude=\['features/near/far/kernel'\]"
    ):
        prepare(model, mask, [Never()], Task(data, epochs=1))
    part = {path: array for path, array in mask.items() if "far" not in path}
    assert "head/kernel" in paths.weights(prepare(model, part, "none", Task(data, epochs=1)))
    assert list(compact(model, mask).mask) == list(part)


def test_frozen_features_keep_their_statistics():
    model = frozen_features()
    copy = Surgery(model).build()
    copy(10 * inputs(model), training=True)
    statistics = {p: v.numpy() for p, v in paths.weights(copy).items() if "moving_mean" in p}
    moved = {path: bool(np.any(value)) for path, value in statistics.items()}
    assert [moved[path] for path in sorted(moved)] == [True, False], moved  # the outer one; `features/...` stays


def test_layers_outside_the_graph_are_refused():
    own = Own()
    x = keras.Input((3,))
    with pytest.raises(ValueError, match="Changing the graph inside 'outer' needs a functional"):
        Surgery(keras.Model(x, own(x), name="outer"))
    with pytest.raises(ValueError, match="Ghosts needs a functional or Sequential model"):
        Surgery(own, "Ghosts")


@pytest.mark.parametrize("make", [make_model, nested_and_shared, many_to_many, operations, attention, kerascv])
def test_mixed_precision_computes_in_half_and_gives_full(make):
    model = make()
    copy, x = Surgery(model, dtype="mixed_bfloat16").build(), inputs(model)
    ours, theirs = tf.nest.flatten(copy(x)), tf.nest.flatten(model(x))
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == tf.float32
        np.testing.assert_allclose(a, b, rtol=0.05, atol=0.05)
    assert any(layer.compute_dtype == "bfloat16" for layer in copy.layers if layer.weights)
    assert all(variable.dtype == tf.float32 for variable in copy.trainable_variables)


def test_the_layer_of_the_outputs_stays_precise():
    copy = Surgery(make_model(), dtype="mixed_bfloat16").build()
    assert copy.get_layer("head").compute_dtype == "float32" and copy.get_layer("hidden").compute_dtype == "bfloat16"


def test_calls_can_be_replaced_and_followed():
    model = make_model()
    surgery = Surgery(model)
    relus = [call for call in surgery.calls if isinstance(call.layer, K.ReLU)]
    assert [call.path for call in relus] == ["relu0", "relu2", "hidden/relu"]
    surgery.replace(relus[0], lambda x, tensor: tf.nn.silu(x))
    first = next(call for call in surgery.calls if call.path == "conv1")
    assert surgery.producer(first.inputs[0]) is relus[0] and surgery.producer(surgery.inputs[0]) is None
    assert {call.path for call in surgery.consumers(relus[0].outputs)} == {"conv1", "add"}
    surgery.after(first, lambda y, tensor: y + tensor(first.inputs[0]))
    surgery.after(first, lambda y, tensor: y * 2.0)
    copy, x = surgery.build(), inputs(model)
    silu = tf.nn.silu(keras.Model(model.input, model.get_layer("norm0").output)(x))
    expected = (model.get_layer("conv1")(silu) + silu) * 2.0
    read = copy.get_layer("norm1").input
    np.testing.assert_allclose(keras.Model(copy.input, read)(x), expected, atol=1e-5)


def test_what_normalises_raw_inputs_stays_precise():
    """In bfloat16 a mean of 1003.3 would be 1000, and handed back so. What comes of it is summed with what is not precise."""
    norm = K.Normalization(mean=[1003.3] * 3, variance=[212.7] * 3)
    adapted = K.Normalization()
    adapted.adapt(np.full((2, 3), 1003.3, "float32"))
    for layer in (norm, adapted):
        x = keras.Input((3,))
        y = layer(x)
        y = y + K.Dense(3, name="hidden")(y) + K.Rescaling(0.1)(K.Dense(3)(y))
        copy = Surgery(keras.Model(x, K.Dense(2)(y)), dtype="mixed_bfloat16").build()
        assert copy.layers[1].compute_dtype == "float32" and copy.get_layer("hidden").compute_dtype == "bfloat16"
        np.testing.assert_array_equal(copy.layers[1].mean, layer.mean)


class Negative(K.Dense):
    """What it does with its ReLU is its own."""

    def call(self, x):
        return -super().call(x)


class Shifted(K.Activation):
    def call(self, x):
        return super().call(x) - 0.5


def test_relus_of_derived_layers_stay_inside():
    layers = [Negative(4, activation="relu", name="negative"), Shifted("relu", name="shifted"), K.Dense(2)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    surgery = Surgery(model)
    assert [call.path for call in surgery.calls][:2] == ["negative", "shifted"]
    assert not any(relu_limit(call) for call in surgery.calls)
    np.testing.assert_allclose(surgery.build()(inputs(model)), model(inputs(model)), atol=1e-6)


def test_relus_of_transposed_convolutions_are_calls_of_their_own():
    model = keras.Sequential([keras.Input((4, 4, 3)), K.Conv2DTranspose(2, 3, activation="relu", name="up")])
    surgery = Surgery(model)
    assert [call.path for call in surgery.calls] == ["up", "up/relu"]
    np.testing.assert_allclose(surgery.build()(inputs(model)), model(inputs(model)), atol=1e-6)


@pytest.mark.parametrize(
    "constant", [tf.constant([1.0, -2.0]), np.array([1.0, -2.0], "float32")], ids=["tensor", "array"]
)
def test_constants_beside_tensors_take_their_precision(constant):
    x = keras.Input((4, 4, 3))
    model = keras.Model(x, K.Conv2D(2, 1, name="last")(K.ReLU()(K.Conv2D(2, 3, name="first")(x) + constant)))
    half = Surgery(model, dtype="mixed_bfloat16").build()
    assert half.get_layer("first").compute_dtype == "bfloat16"
    np.testing.assert_allclose(clone(half)(inputs(model)), model(inputs(model)), atol=0.05)


def test_casts_in_the_graph_are_of_the_copys_precision():
    """Written for the original's float32, they stood beside bfloat16, and no operation takes both."""
    x = keras.Input((4, 4, 3))
    y = K.Conv2D(2, 3, name="first")(x)
    model = keras.Model(x, K.Flatten()(K.Conv2D(2, 1, name="last")(y * tf.cast(y > 0, tf.float32))))
    half = Surgery(model, dtype="mixed_bfloat16").build()
    np.testing.assert_allclose(half(inputs(model)), model(inputs(model)), atol=0.05)


def test_einsum_is_said_to_keep_a_model_from_being_copied():
    x = keras.Input((6, 8))
    y = K.Dense(8)(x)
    model = keras.Model(x, K.Dense(2)(tf.einsum("btc,bsc->bts", y, y)))
    with pytest.raises(
        ValueError, match="calls tf.einsum, which Keras cannot call anew for a copy: use keras.layers.EinsumDense"
    ):
        clone(model)
    np.testing.assert_allclose(Surgery(model).build()(inputs(model)), model(inputs(model)), atol=1e-6)
