"""Flow through networks whose products leave the range of float64, and to its precision."""

import numpy as np
import pytest
import tf_keras as keras

from tests.conftest import make_data, slow
from tfsparse.mask import prunable
from tfsparse.masks import find_mask, scores
from tfsparse.masks.flow import Flow
from tfsparse.models import build_model

LAYERS, WIDTH = 80, 12


def chain(gain, bias=0.0, depth=LAYERS):
    """Dense layers whose flow grows by `gain` in each."""
    random, layers = np.random.default_rng(0), []
    for number in range(depth):
        kernel = random.uniform(0.5, 1.5, (WIDTH, WIDTH)) * gain / WIDTH
        initial = {
            "kernel_initializer": keras.initializers.Constant(kernel),
            "bias_initializer": keras.initializers.Constant(bias),
        }
        layers.append(keras.layers.Dense(WIDTH, activation="relu", name=f"dense{number}", **initial))
    return keras.Sequential([keras.Input((WIDTH,)), *layers])


def exact(model):
    """log10 of |w dR/dw|, layer by layer, in the extended range of long doubles."""
    kernels = [v.numpy().astype(np.longdouble) for v in prunable(model).values()]
    biases = [layer.bias.numpy().astype(np.longdouble) for layer in model.layers]
    ins, out = [], np.ones(WIDTH, np.longdouble)
    for kernel, bias in zip(kernels, biases, strict=True):
        ins.append(out)
        out = out @ kernel + bias
    slope, rows = np.ones(WIDTH, np.longdouble), []
    for kernel, before in zip(reversed(kernels), reversed(ins), strict=True):
        rows.append(np.log10(kernel * np.outer(before, slope)).astype(float))
        slope = kernel @ slope
    return rows[::-1]


@pytest.mark.skipif(np.finfo(np.longdouble).maxexp < 5000, reason="long double has no extended range here")
@pytest.mark.parametrize(
    ("gain", "bias", "scaled"),
    [
        (6e4, 0.5, True),
        (1.0, 0.0, False),
        slow(1e2, 0.5, False),
        slow(1e2, 0.0, False),
        slow(6e4, 0.0, True),
    ],
)
def test_scores_are_right_at_any_depth(gain, bias, scaled):
    model = chain(gain, bias)
    flow = Flow(model, prunable(model))
    found = flow({path: np.ones(v.shape, bool) for path, v in prunable(model).items()})
    expected = exact(model)
    shift = np.log10(next(iter(found.values()))[0, 0]) - expected[0][0, 0]
    assert abs(shift) > 100 if scaled else abs(shift) < 1e-10
    for ours, theirs in zip(found.values(), expected, strict=True):
        np.testing.assert_allclose(np.log10(ours), theirs + shift, atol=1e-10)


@pytest.mark.parametrize("depth", [12, slow(200)])
def test_every_layer_keeps_a_weight(depth):
    """The critical compression: as many weights as layers."""
    model = chain(76.0, depth=depth)
    mask = find_mask(model, "synflow", sparsity=1 - 1.5 / WIDTH**2)
    assert not mask.empty and mask.live == depth * 1.5


def test_fewer_weights_than_layers_are_found_all_the_same():
    with pytest.warns(UserWarning, match="without a weight"):
        mask = find_mask(chain(1.0, depth=10), "synflow(rounds=20)", sparsity=1 - 0.5 / WIDTH**2)
    assert mask.live == 5


@pytest.mark.parametrize("method", ["snip", "taylor", slow("grasp"), "magnitude"])
def test_the_others_on_many_layers(method):
    from tfsparse.task import Data, Task

    random = np.random.default_rng(0)
    data = Data.from_arrays(
        train=(random.normal(size=(16, WIDTH)).astype("float32"), np.arange(16) % WIDTH), batch_size=8
    )
    found = scores(chain(1.0), method, Task(data))
    assert all(np.isfinite(array).all() for array in found.values())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*left without a weight")
@pytest.mark.parametrize("name", ["resnet104", "vgg16"])
@pytest.mark.parametrize("method", ["synflow", "snip", "grasp", "magnitude", "taylor"])
def test_deep_networks(name, method):
    from tfsparse.task import Data, Task

    images = np.random.default_rng(0).integers(0, 256, (16, 32, 32, 3)).astype("uint8")
    data = Data.from_arrays(train=(images, np.arange(16) % 10), batch_size=16, mean=(128.0,) * 3, std=(64.0,) * 3)
    mask = find_mask(build_model(name, data), method, sparsity=0.9, task=Task(data))
    assert mask.live == round(0.1 * mask.total)


def test_the_model_is_as_before():
    model = build_model("resnet20(width=0.25)", make_data())
    before = model.get_weights()
    find_mask(model, "synflow(rounds=3)", sparsity=0.5)
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_no_kernel_whose_gradient_a_gpu_refuses():
    """TensorFlow has none of the fused norm in inference there, where ops must be deterministic."""
    flow = Flow(build_model("resnet8(width=0.25)", make_data()), ["stem/conv/kernel"])
    types = {op.type for op in flow._scores.get_concrete_function().graph.get_operations()}
    assert "Conv2DBackpropFilter" in types and not [name for name in types if "FusedBatchNorm" in name]
