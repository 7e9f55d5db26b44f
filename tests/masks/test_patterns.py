"""Patterns: 2:4, blocks, filters; counts, what they refuse, and rounds on the way to them."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import make_model
from tfsparse.mask import prunable
from tfsparse.mask.axes import channel_axes
from tfsparse.masks import METHODS, find_mask
from tfsparse.masks.allocate import keep_top
from tfsparse.masks.patterns import find_pattern

SCORED = ["magnitude", "snip", "taylor", "grasp", "synflow(rounds=5)", "snip(rounds=3)", "random"]
STEM = ["stem"]  # three input channels


def with_option(method, option):
    return f"{method[:-1]}, {option})" if method.endswith(")") else f"{method}({option})"


def axes_of(shapes):
    return {path: ((len(shape) - 2,), (len(shape) - 1,)) for path, shape in shapes.items()}


@pytest.mark.parametrize("method", SCORED)
def test_two_of_every_four_input_channels(method, model, task):
    mask = find_mask(model, with_option(method, "pattern='2:4'"), sparsity=0.5, task=task, exclude=STEM)
    assert mask.live * 2 == mask.total and "stem/kernel" not in mask
    for array in mask.values():
        groups = np.moveaxis(array, -2, -1).reshape(-1, 4)
        assert (groups.sum(axis=1) == 2).all()


def test_fewer_than_the_pattern_allows(model, task):
    mask = find_mask(model, "synflow(rounds=7, pattern='2:4')", sparsity=0.8, task=task, exclude=STEM)
    assert mask.live == round(0.2 * mask.total)
    assert max(np.moveaxis(array, -2, -1).reshape(-1, 4).sum(axis=1).max() for array in mask.values()) == 2


@pytest.mark.parametrize("method", SCORED)
def test_blocks_of_one_output_and_four_inputs(method, model, task):
    mask = find_mask(model, with_option(method, "pattern='block(1x4)'"), sparsity=0.75, task=task, exclude=STEM)
    assert abs(mask.live - mask.total / 4) < 4
    for array in mask.values():
        groups = np.moveaxis(array, -2, -1).reshape(-1, 4)
        assert (groups.all(axis=1) | ~groups.any(axis=1)).all()


@pytest.mark.parametrize("method", SCORED)
def test_whole_filters(method, model, task):
    mask = find_mask(model, with_option(method, "pattern='filter', min_per_layer=1"), sparsity=0.6, task=task)
    assert 0 <= round(0.4 * mask.total) - mask.live < max(array[..., 0].size for array in mask.values())
    assert mask["head/kernel"].all(), "the outputs of the network are no filters to prune"
    for array in mask.values():
        filters = array.reshape(-1, array.shape[-1])
        assert (filters.all(axis=0) | ~filters.any(axis=0)).all() and filters.any()


@pytest.mark.parametrize("pattern", ["2:4", "block(1x4)", "block(2x2)"])
def test_the_best_cells_are_kept(pattern):
    random = np.random.default_rng(0)
    scores = {"a": random.random((3, 3, 8, 4)), "b": random.random((8, 6))}
    live = {path: np.ones(array.shape, bool) for path, array in scores.items()}
    total = sum(array.size for array in scores.values())
    found = find_pattern(pattern, axes_of({path: array.shape for path, array in scores.items()}))
    kept = keep_top(scores, live, total // 2, random, pattern=found)
    assert sum(array.sum() for array in kept.values()) == total // 2
    if pattern == "2:4":
        groups = np.moveaxis(scores["a"], -2, -1).reshape(-1, 4)
        expected = groups >= np.sort(groups, axis=1)[:, [2]]
        np.testing.assert_array_equal(np.moveaxis(kept["a"], -2, -1).reshape(-1, 4), expected)
    else:
        outputs, inputs = (1, 4) if pattern == "block(1x4)" else (2, 2)
        cells = [
            array.reshape(-1, array.shape[-2] // inputs, inputs, array.shape[-1] // outputs, outputs)
            for array in scores.values()
        ]
        means = np.concatenate([cell.mean(axis=(2, 4)).ravel() for cell in cells])
        alive = np.concatenate(
            [kept[path].reshape(cell.shape).any(axis=(2, 4)).ravel() for path, cell in zip(scores, cells, strict=True)]
        )
        assert means[alive].min() > means[~alive].max()


def test_what_a_pattern_refuses(model, task):
    with pytest.raises(
        ValueError, match=r"2:4 does not divide 'stem/kernel', whose shape is \(3, 3, 3, 4\): 3 channels"
    ):
        find_mask(model, "magnitude(pattern='2:4')", sparsity=0.5)
    with pytest.raises(ValueError, match=r"block\(1x4\) does not divide 'stem/kernel'.*exclude='stem/kernel'"):
        find_mask(model, "magnitude(pattern='block(1x4)')", sparsity=0.5)
    with pytest.raises(ValueError, match=r"2:4 leaves 50\.00% .* sparsity of 0\.5 or more, received 0\.2994"):
        find_mask(model, "magnitude(pattern='2:4')", sparsity=0.3, exclude="stem")
    with pytest.raises(ValueError, match=r"Unknown pattern 'diagonal'. Known: 'n:m'"):
        find_mask(model, "magnitude(pattern='diagonal')", sparsity=0.5)
    with pytest.raises(ValueError, match=r"Unknown pattern '4:2'"):
        find_mask(model, "magnitude", sparsity=0.5, pattern="4:2")
    with pytest.raises(ValueError, match=r"keeps the last layer whole, and head/kernel alone has 24"):
        find_mask(model, "magnitude", sparsity=0.98, pattern="filter")


def test_excluded_layers_are_not_counted(model):
    mask = find_mask(model, "magnitude", sparsity=0.5, exclude=["head", "conv1/kernel"])
    assert list(mask) == ["stem/kernel", "conv2/kernel", "hidden/kernel"] and mask.live == round(mask.total / 2)
    with pytest.raises(ValueError, match=r"exclude='heda' is no prunable weight or layer. Known: stem/kernel"):
        find_mask(model, "magnitude", sparsity=0.5, exclude="heda")
    with pytest.raises(ValueError, match="leaves nothing to prune"):
        find_mask(model, "magnitude", sparsity=0.5, exclude=["stem", "conv1", "conv2", "hidden", "head"])


def test_channels_of_all_kinds_of_kernels():
    layers = keras.layers
    stack = [
        layers.Conv2D(8, 3, input_shape=(8, 8, 4), name="conv"),
        layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise"),
        layers.SeparableConv2D(6, 2, name="separable"),
        layers.Conv2DTranspose(12, 2, name="transposed"),
        layers.GlobalMaxPooling2D(),
        layers.Dense(3, name="head"),
    ]
    model = keras.Sequential(stack)
    shapes = {path: tuple(v.shape) for path, v in model_weights(model).items()}
    channels = {
        path: tuple(np.prod([shapes[path][axis] for axis in axes]) for axes in pair)
        for path, pair in channel_axes(model).items()
    }
    assert channels == {
        "conv/kernel": (4, 8),
        "depthwise/depthwise_kernel": (8, 16),
        "separable/depthwise_kernel": (16, 16),
        "separable/pointwise_kernel": (16, 6),
        "transposed/kernel": (6, 12),
        "head/kernel": (12, 3),
    }
    mask = find_mask(model, "magnitude(pattern='filter', min_per_layer=1)", sparsity=0.5)
    per_output = mask["transposed/kernel"].transpose(0, 1, 3, 2).reshape(-1, 12)
    assert (per_output.all(axis=0) | ~per_output.any(axis=0)).all()
    per_channel = mask["depthwise/depthwise_kernel"].reshape(9, -1)
    assert (per_channel.all(axis=0) | ~per_channel.any(axis=0)).all()


def model_weights(model):
    from tfsparse.paths import weights

    return {path: variable for path, variable in weights(model).items() if len(variable.shape) > 1}


def test_every_method_takes_them(task):
    """The patterns are options of the table, not of a method."""
    for method in METHODS:
        with pytest.raises(ValueError, match="does not divide 'stem/kernel'"):
            find_mask(make_model(), method, sparsity=0.5, task=task, pattern="2:4")


def attention(heads):
    inputs = keras.Input((6, 16))
    return keras.Model(inputs, keras.layers.MultiHeadAttention(heads, 8, name="attention")(inputs, inputs))


@pytest.mark.parametrize("heads", [2, 4])
def test_inputs_of_attention_are_not_its_heads(heads):
    """The kernel of a query is (inputs, heads, channels), that of the output (heads, channels, outputs)."""
    mask = find_mask(attention(heads), "random", sparsity=0.5, pattern="2:4")
    assert set(mask["attention/query/kernel"].reshape(4, 4, -1).sum(1).flat) == {2}
    assert set(mask["attention/output/kernel"].reshape(-1, 4, 16).sum(1).flat) == {2}
    whole = find_mask(attention(heads), "random", sparsity=0.5, pattern="filter")["attention/query/kernel"]
    assert (whole.all(0) | ~whole.any(0)).all() and 0 < whole.any(0).sum() < 8 * heads


def whole_heads(outputs, exclude=()):
    """The layers that a mask of filters leaves whole, where `outputs` makes the ends of a network from its features."""

    def dense(units, name):
        return keras.layers.Dense(units, name=name)(keras.layers.GlobalMaxPooling2D()(features))

    def conv(x, name):
        return keras.layers.Conv2D(16, 1, name=name)(x)

    inputs = keras.Input((8, 8, 3))
    features = keras.layers.Conv2D(64, 3, activation="relu", name="b")(
        keras.layers.Conv2D(32, 3, activation="relu", name="a")(inputs)
    )
    model = keras.Model(inputs, outputs(features, dense, conv))
    for path, kernel in prunable(model).items():
        if path not in ("a/kernel", "b/kernel"):
            kernel.assign(kernel * 1e-3)  # the global ranking takes all of it
    mask = find_mask(model, "magnitude", sparsity=0.5, pattern="filter", exclude=["a", *exclude])
    return [path.removesuffix("/kernel") for path, array in mask.items() if array.all()]


HEADS = {
    "one": (lambda x, dense, conv: dense(10, "c"), ["c"]),
    "two": (lambda x, dense, conv: [dense(10, "c"), dense(5, "d")], ["c", "d"]),
    "one behind the other": (lambda x, dense, conv: [y := conv(x, "c"), conv(y, "d")], ["c", "d"]),
    "reshaped": (lambda x, dense, conv: keras.layers.Reshape((4, 3))(dense(12, "c")), ["c"]),
    "pixels shuffled": (lambda x, dense, conv: tf.nn.depth_to_space(conv(x, "c"), 2), ["c"]),
    "averaged": (lambda x, dense, conv: keras.layers.Average()([dense(4, "c"), dense(4, "d")]), ["c", "d"]),
    "around a shortcut": (lambda x, dense, conv: (y := conv(x, "c")) + conv(tf.nn.relu(y), "d"), ["d"]),
    "nested": (lambda x, dense, conv: keras.Model(x, tf.nn.softmax(conv(x, "c")), name="in")(x), ["in/c"]),
}


@pytest.mark.parametrize("form", sorted(HEADS))
def test_whatever_makes_the_outputs_is_kept_whole(form):
    outputs, expected = HEADS[form]
    assert whole_heads(outputs) == expected


def test_what_is_before_an_excluded_head_is_pruned():
    assert whole_heads(lambda x, dense, conv: dense(64, "c"), exclude=["c"]) == []


def body(filters=16, count=4):
    convs = [keras.layers.Conv2D(filters, 3, padding="same", name=f"c{i}") for i in range(count)]
    return keras.Sequential(
        [keras.Input((8, 8, 16)), *convs, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(4)]
    )


@pytest.mark.parametrize("allocation", ["uniform", "erk", "global"])
@pytest.mark.parametrize("pattern", ["filter", "block(4x4)"])
def test_the_least_of_a_layer_is_whole_cells(allocation, pattern):
    model = body()
    model.layers[0].kernel.assign(model.layers[0].kernel * 1e-3)  # the global ranking takes nothing of it
    options = {"pattern": pattern, "allocation": allocation}
    mask = find_mask(model, "magnitude", sparsity=0.93, min_per_layer=1, **options)
    assert not mask.empty and abs(mask.sparsity - 0.93) < 0.02
    with pytest.raises(ValueError, match=r"min_per_layer=200 needs [\d,]+ live weights in whole cells of the pattern"):
        find_mask(model, "magnitude", sparsity=0.93, min_per_layer=200, **options)
