"""What copies of models take over part by part: weights, and what is trained."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import make_mask
from tests.test_graph import Described, kerascv, nested
from tfsparse import paths
from tfsparse.counterparts import copy_weights
from tfsparse.graph import clone, copy_layer, fresh
from tfsparse.mask import Mask, sparsify
from tfsparse.surgery import Surgery


class Composite(keras.layers.Layer):
    """Two norms side by side, of the same shapes."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.norm, self.other = keras.layers.BatchNormalization(), keras.layers.BatchNormalization()

    def call(self, x, training=None):
        return self.norm(x, training=training) - self.other(x, training=training)


def trained(model):
    """Paths of the weights that are trained."""
    ids = {id(variable) for variable in model.trainable_weights}
    return [path for path, variable in paths.weights(model).items() if id(variable) in ids]


def frozen_kerascv():
    """The configuration of such a model does not say which of its layers are trained."""
    model = kerascv()
    for layer in model.backbone.layers[:-6]:
        layer.trainable = False
    return model


def frozen_part():
    model = keras.Sequential([keras.Input((8, 8, 3)), Composite(name="both"), keras.layers.Dense(3, name="head")])
    model.layers[0].norm.trainable = False
    return model


def frozen_outside():
    """Keras trains the head only, whatever the layer inside says of itself."""
    model = nested()
    model.get_layer("inner").trainable = False
    model.get_layer("inner").layers[0].trainable = True
    return model


@pytest.mark.parametrize("make", [frozen_kerascv, frozen_part, frozen_outside])
def test_what_is_frozen_stays_frozen_in_every_copy(make):
    model = make()
    assert 0 < len(trained(model)) < len(model.trainable_weights) + len(model.non_trainable_weights)
    masked = sparsify(model, make_mask(model))
    for copy in (
        clone(model),
        fresh(model),
        clone(model, lambda _, layer: copy_layer(layer)),
        Surgery(model).build(),
        masked,
    ):
        assert trained(copy) == trained(model)
    assert trained(clone(masked)) == trained(model)


def test_weights_of_parts_do_not_change_places_when_some_are_frozen():
    """Keras lists what is trained before what is not: by their order the two norms would swap."""
    model = frozen_part()
    model.layers[0].norm.gamma.assign([1.0, 2.0, 3.0])
    model.layers[0].other.gamma.assign([-1.0, 5.0, 0.5])
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    trains_all = keras.Sequential([keras.Input((8, 8, 3)), Composite(name="both"), keras.layers.Dense(3, name="head")])
    copy_weights(model, trains_all)  # as of a prepared model from a file, which does not hold what parts train
    for copy in (clone(model), Surgery(model).build(), sparsify(model, Mask.ones(model)), trains_all):
        np.testing.assert_allclose(copy(x), model(x), atol=1e-6)


def test_what_was_changed_after_a_subclass_was_made_is_copied():
    """Its own configuration knows nothing of it."""
    model, x = Described(4), np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    named = kerascv()
    for layer in [layer for _, layer in paths.layers(named) if isinstance(layer, keras.layers.BatchNormalization)]:
        layer.epsilon = 10.0
    model.layers[1].activation = keras.activations.tanh
    np.testing.assert_allclose(clone(model)(x), model(x), atol=1e-6)
    large = np.random.default_rng(0).normal(size=(2, 16, 16, 3)).astype("float32")
    np.testing.assert_allclose(clone(named)(large), named(large), atol=1e-6)


def tied():
    """The kernel of one layer set as another's."""
    first, second, x = keras.layers.Dense(3, name="first"), keras.layers.Dense(3, name="second"), keras.Input((3,))
    model = keras.Model(x, second(first(x)))
    second.kernel = first.kernel
    return model


def held_twice():
    """Two wrappers around one layer."""
    dense, x = keras.layers.Dense(3, name="dense"), keras.Input((4, 3))
    wrapped = [keras.layers.TimeDistributed(dense, name=name) for name in ("first", "second")]
    return keras.Model(x, wrapped[1](wrapped[0](x)))


COPIES = [clone, fresh, Surgery, lambda model: sparsify(model, Mask.ones(model))]


def alone_and_wrapped(first):
    """One layer called in a wrapper and alone, the wrapper listed first by Keras or last."""
    dense, x = keras.layers.Dense(3, name="second"), keras.Input((4, 3))
    wrapped = keras.layers.TimeDistributed(dense, name="first")
    calls = [wrapped(x), dense(x)] if first else [dense(x), wrapped(x)]
    return keras.Model(x, keras.layers.Concatenate()(calls))


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("first", [True, False])
def test_a_layer_alone_and_in_a_wrapper_is_refused(copy, first):
    with pytest.raises(ValueError, match="Layers '.*' and '.*' of model .* share the variable .*kernel"):
        copy(alone_and_wrapped(first))


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("within", [True, False])
def test_a_function_that_reads_the_variable_of_another_layer_is_refused(copy, within):
    """Its copy would go on to read the original's, which is not trained."""
    words, numbers = keras.layers.Embedding(5, 4, name="words"), keras.Input((3,))
    x = keras.layers.Dense(4)(keras.layers.Flatten()(words(numbers)))
    logits = lambda x: tf.matmul(x, words.embeddings, transpose_b=True)  # noqa: E731
    with pytest.raises(ValueError, match="'.*' of model .* is a function that reads a variable which is not its own"):
        copy(keras.Model(numbers, keras.layers.Lambda(logits)(x) if within else logits(x)))


def test_a_vocabulary_is_copied_and_is_no_weight():
    words = keras.layers.TextVectorization(output_sequence_length=4)
    words.adapt(["a b c", "d e"])
    layers = [
        words,
        keras.layers.Embedding(9, 3, name="vectors"),
        keras.layers.Flatten(),
        keras.layers.Dense(2, name="head"),
    ]
    model, text = keras.Sequential([keras.Input((1,), dtype=tf.string), *layers]), tf.constant([["a d"], ["c"]])
    assert list(paths.weights(model)) == ["vectors/embeddings", "head/kernel", "head/bias"]
    np.testing.assert_array_equal(clone(model)(text), model(text))


@pytest.mark.parametrize("copy", COPIES)
def test_layers_that_share_a_variable_or_a_path_are_refused(copy):
    """Copied one by one, tied layers would go apart, and of two layers of one path the weights of one would go to both."""
    for make in (tied, held_twice):
        with pytest.raises(ValueError, match="Layers 'first' and 'second' of model .* share the variable .*kernel"):
            copy(make())
    x = keras.Input((3,))
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, name="b")], name="a")
    with pytest.raises(ValueError, match="has two layers of the path 'a/b'"):
        copy(keras.Model(x, keras.layers.Dense(3, name="a/b")(inner(x))))
