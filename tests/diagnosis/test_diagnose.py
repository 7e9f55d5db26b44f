"""Known answers on networks made by hand."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import make_model
from tfsparse import diagnose
from tfsparse.mask import Mask, prunable
from tfsparse.masks import find_mask

layers = keras.layers


def live(model, **chosen):
    """A mask of ones, but for the arrays given by the name of a layer."""
    arrays = {path: np.ones(v.shape, bool) for path, v in prunable(model).items()}
    for name, array in chosen.items():
        path = next(path for path in arrays if path.split("/")[0] == name)
        arrays[path] = np.broadcast_to(np.asarray(array, bool), arrays[path].shape)
    return Mask(arrays)


def on_paths(model, mask, **options):
    return {layer.path.split("/")[0]: layer.effective for layer in diagnose(model, mask, **options).layers}


def test_a_chain_of_dense_layers():
    model = keras.Sequential(
        [keras.Input((3,)), layers.Dense(3, name="a"), layers.Dense(2, name="b"), layers.Dense(1, name="c")]
    )
    # Of a's units the first has no input, the third no output; of b's units the second has no output.
    mask = live(model, a=[[0, 1, 1], [0, 0, 1], [0, 1, 0]], b=[[1, 1], [1, 1], [0, 0]], c=[[1], [0]])
    found = diagnose(model, mask)
    assert [(x.live, x.effective) for x in found.layers] == [(4, 2), (4, 1), (1, 1)]
    assert [(x.dead_inputs, x.inputs, x.dead_outputs, x.outputs) for x in found.layers] == [
        (0, 3, 1, 3),
        (1, 3, 0, 2),
        (1, 2, 0, 1),
    ]
    assert (found.total, found.live, found.effective) == (17, 9, 4)
    assert found.effective_sparsity == pytest.approx(13 / 17) and not found.disconnected
    assert (found.dense_flops, found.sparse_flops) == (34, 18)


def test_a_network_cut_in_two():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(2, name="a"), layers.Dense(2, name="b")])
    found = diagnose(model, live(model, a=[[1, 0], [1, 0]], b=[[0, 0], [1, 1]]))
    assert found.disconnected and found.effective == 0 and not found.empty
    assert [x.note for x in found.layers] == ["cut off", "cut off"]
    assert "no path" in [list(column.cells)[-1] for column in found.table().columns][-1]


def test_a_branch_that_leads_nowhere():
    inputs = keras.Input((4, 4, 2))
    x = layers.Conv2D(2, 3, padding="same", name="a", use_bias=False)(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Conv2D(2, 3, padding="same", name="b", use_bias=False)(layers.ReLU()(x))
    skip = layers.Conv2D(2, 1, name="skip")(inputs)
    outputs = layers.Dense(3, name="c")(layers.GlobalMaxPooling2D()(layers.Add()([x, skip])))
    model = keras.Model(inputs, outputs)
    found = diagnose(model, live(model, b=False))
    assert found.empty == ["b/kernel"] and not found.disconnected
    assert {x.path: x.effective for x in found.layers} == {
        "a/kernel": 0,
        "b/kernel": 0,
        "skip/kernel": 4,
        "c/kernel": 6,
    }
    assert [x.note for x in found.layers] == ["cut off", "empty", "", ""]


def test_a_way_past_the_masked_weights_is_a_way():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Add()([inputs, layers.Dense(4, name="a")(inputs)]))
    found = diagnose(model, live(model, a=False))
    assert found.effective == 0 and found.empty == ["a/kernel"] and not found.disconnected


def test_random_states_stay_as_they_are(model, mask):
    def numbers(diagnosed):
        keras.utils.set_random_seed(3)
        if diagnosed:
            diagnose(model, mask)
        return (
            float(tf.squeeze(keras.initializers.GlorotUniform()((1, 1)))),
            np.random.rand(),
            float(tf.random.uniform(())),
        )

    assert numbers(True) == numbers(False)


def test_places_that_see_only_padding():
    """A 3x3 kernel on a map of one pixel: its centre sees the pixel, all else zeros."""
    model = keras.Sequential([layers.Conv2D(2, 3, padding="same", input_shape=(1, 1, 3), name="a"), layers.Flatten()])
    found = diagnose(model, live(model)).layers[0]
    assert (found.live, found.effective, found.dense_flops) == (54, 6, 108)


def test_pooling_passes_on_every_place():
    stack = [layers.Conv2D(1, 2, 2, input_shape=(4, 4, 1), name="a"), layers.MaxPooling2D(2), layers.Flatten()]
    model = keras.Sequential([*stack, layers.Dense(1, name="b")])
    assert on_paths(model, live(model)) == {"a": 4, "b": 1}


def test_depthwise_separable_transposed_and_concatenated():
    inputs = keras.Input((6, 6, 2))
    x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, name="depthwise")(inputs)
    y = layers.Conv2DTranspose(3, 1, name="transposed")(inputs)
    x = layers.Concatenate()([x, y])
    outputs = layers.Dense(2, name="head")(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, outputs)
    head = np.ones((7, 2), bool)
    head[[0, 4]] = False  # depthwise channel 0 (input 0, first multiplier) and transposed channel 0 are not read
    found = {x.path.split("/")[0]: x for x in diagnose(model, live(model, head=head)).layers}
    assert found["depthwise"].effective == 27 and found["transposed"].effective == 4 and found["head"].effective == 10
    assert (found["depthwise"].inputs, found["depthwise"].outputs) == (2, 4)
    assert found["depthwise"].dense_flops == 2 * 36 * 36 and found["transposed"].dense_flops == 2 * 36 * 6
    assert found["head"].dead_inputs == 2


def test_channels_of_grouped_convolutions():
    """Their kernels have one group's channels on the axis: each stands for a channel of every group."""
    model = keras.Sequential([layers.Conv2D(8, 3, groups=2, input_shape=(5, 5, 4), name="grouped")])
    kernel = np.ones((3, 3, 2, 8), bool)
    kernel[:, :, 0, :4] = False  # of the first group: channel 0
    kernel[:, :, 1, 4:] = False  # of the second: channel 3
    (found,) = diagnose(model, {"grouped/kernel": kernel}).layers
    assert (found.inputs, found.dead_inputs, found.outputs, found.dead_outputs) == (4, 2, 8, 0)


def test_groups_of_a_layer_of_ones_own_are_its_own_affair():
    class Own(layers.Dense):
        groups = 2

    (found,) = diagnose(
        keras.Sequential([Own(5, input_shape=(4,), name="own")]), {"own/kernel": np.ones((4, 5))}
    ).layers
    assert found.inputs == 4


def test_a_layer_called_twice_counts_twice_and_lives_by_either_call():
    shared = layers.Dense(2, name="shared")
    inputs = keras.Input((2,))
    model = keras.Model(inputs, layers.Dense(1, name="head")(shared(shared(inputs))))
    found = diagnose(model, live(model, shared=[[1, 0], [1, 0]], head=[[1], [0]]))
    assert [x.effective for x in found.layers] == [2, 1] and found.layers[0].dense_flops == 2 * 2 * 4


def test_nested_models_and_gates():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(4, name="dense", activation="relu")], name="inner")
    inputs = keras.Input((4,))
    x = inner(inputs)
    gate = layers.Dense(4, activation="sigmoid", name="gate")(x)
    model = keras.Model(inputs, layers.Dense(2, activation="softmax", name="head")(layers.Multiply()([x, gate])))
    found = {x.path: x for x in diagnose(model, live(model, gate=False)).layers}
    assert found["inner/dense/kernel"].effective == 16, "a gate without inputs is half open"
    assert found["gate/kernel"].note == "empty" and found["head/kernel"].effective == 8


def test_what_is_no_mask_and_one_shape_for_two_inputs_are_refused(model, mask):
    with pytest.raises(ValueError, match="received 'mask.safetensors': find_mask"):
        diagnose(model, "mask.safetensors")
    first, second = keras.Input((2,)), keras.Input((2,))
    two = keras.Model([first, second], keras.layers.Dense(1, name="head")(first + second))
    with pytest.raises(ValueError, match="input_shape is of one input, and model .* has 2"):
        diagnose(two, Mask.ones(two), input_shape=(2,))


def test_a_subclassed_model_has_no_graph():
    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv, self.pool, self.head = layers.Conv2D(4, 3), layers.GlobalMaxPooling2D(), layers.Dense(2)

        def call(self, x):
            return self.head(self.pool(self.conv(x)))

    model = Mine()
    model(np.zeros((1, 8, 8, 3), "float32"))
    found = diagnose(model, Mask.ones(model), input_shape=(8, 8, 3))
    assert found.effective is None and found.effective_sparsity is None and not found.disconnected
    assert found.dense_flops == 2 * (36 * 108 + 8) and "on a path" not in str(found)


def test_what_is_outside_the_mask_counts_as_dense():
    model = make_model()
    found = diagnose(model, find_mask(model, "magnitude", sparsity=0.5, prunable="conv"))
    assert found.dense_flops == 2 * (64 * (108 + 144 + 144) + 32 + 24)
    assert found.sparse_flops == 2 * (64 * 198 + 32 + 24)


def test_no_depth_is_too_deep():
    """Random masks of one weight in three: by the paths, entry by entry."""
    random, width = np.random.default_rng(0), 6
    masks = [random.random((width, width)) < 0.34 for _ in range(150)]
    model = keras.Sequential([keras.Input((width,)), *[layers.Dense(width, name=f"d{i}") for i in range(150)]])
    forward = list(itertools.accumulate(masks, lambda on, mask: (on @ mask) > 0, initial=np.ones(width, bool)))
    back = list(itertools.accumulate(reversed(masks), lambda on, mask: (mask @ on) > 0, initial=np.ones(width, bool)))[
        ::-1
    ]
    expected = [
        int(np.sum(mask & np.outer(before, after)))
        for mask, before, after in zip(masks, forward[:-1], back[1:], strict=True)
    ]
    found = diagnose(model, {f"d{i}/kernel": mask for i, mask in enumerate(masks)})
    assert [x.effective for x in found.layers] == expected and found.effective > 0
