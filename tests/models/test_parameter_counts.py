"""The networks are the published ones: parameter counts, and shapes layer by layer against the reference code's."""

import json
import pathlib
import types

import numpy as np
import pytest

from tests.conftest import slow
from tfsparse.models import build_model

FIXTURES = pathlib.Path(__file__).parents[3] / "shared" / "fixtures"


def build(name, width=1.0):
    return build_model(name, types.SimpleNamespace(input_shape=(32, 32, 3), num_classes=10), width=width)


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def test_resnet18_and_mobilenet_have_the_published_counts():
    # kuangliu/pytorch-cifar, ResNet18 and MobileNet for CIFAR-10, as commonly tabulated (trainable weights).
    assert trainable(build("resnet18")) == 11_173_962
    assert trainable(build("mobilenet")) == 3_217_226


def test_vgg16_has_the_published_count_but_for_biases():
    # kuangliu/pytorch-cifar, VGG16: 14,728,266 with a bias in each convolution, which the norm behind it makes idle.
    biases = 2 * 64 + 2 * 128 + 3 * 256 + 6 * 512
    assert trainable(build("vgg16")) == 14_728_266 - biases


@pytest.mark.parametrize(("name", "blocks", "published"), [("resnet20", 3, 0.27e6), ("resnet32", 5, 0.46e6)])
def test_thin_resnets_have_the_published_counts_and_projections(name, blocks, published):
    # He et al. 2016, table 6: 0.27 M and 0.46 M with shortcuts without weights ("option A"). Exactly, in that form:
    # convolutions 3*16*9 + 9*(16² + 32² + 64²)*2n less the halved inputs of two, two weights a norm channel, 64*10+10.
    convs = 432 + 9 * 2 * blocks * (16**2 + 32**2 + 64**2) - 9 * (16 * 32 + 32 * 64)
    norms = 2 * (16 + 2 * blocks * (16 + 32 + 64))
    option_a = convs + norms + 650
    assert option_a == pytest.approx(published, abs=5e3)
    # ToST's networks add a 1x1 convolution and its norm at the two changes of shape.
    projections = 16 * 32 + 32 * 64 + 2 * (32 + 64)
    assert trainable(build(name)) == option_a + projections


@pytest.mark.parametrize(("name", "blocks"), [("resnet56", 9), slow("resnet104", 17)])
def test_bottleneck_resnets_grow_as_the_reference_does(name, blocks):
    # bearpaw/pytorch-classification, from where ToST has these: its README lists ResNet-110 (18 bottleneck blocks a
    # stage) with 1.70 M. A further block of width c has 4c*c + 9c*c + c*4c weights and norms of c, c and 4c channels.
    a_block_more = sum(17 * c * c + 2 * 6 * c for c in (16, 32, 64))
    assert trainable(build(name)) + (18 - blocks) * a_block_more == 1_704_154


@pytest.mark.parametrize(
    ("fixture", "name", "width"), [("tost_resnet18_w8", "resnet18", 0.125), ("tost_oresnet20_w8", "resnet20", 0.5)]
)
def test_shapes_are_those_of_the_reference_layer_by_layer(fixture, name, width):
    path = FIXTURES / f"{fixture}.npz"
    if not path.exists():
        pytest.skip(f"{path} is not there: the reference fixtures come with the workplace, not with the repository")
    with np.load(path) as content:
        shapes = {key.removeprefix("param/"): content[key].shape for key in content.files if key.startswith("param/")}
        layers = json.loads(str(content["meta"]))["layers"]
    ours = {layer.name: layer for layer in build(name, width).layers if layer.weights}
    for theirs in layers:
        kernel = ours.pop(our_name(theirs)).kernel
        shape = tuple(kernel.shape)
        order = (3, 2, 0, 1) if len(shape) == 4 else (1, 0)
        assert tuple(shape[axis] for axis in order) == shapes[f"{theirs}.weight"], theirs
    norms = [key for key in shapes if key.endswith("running_mean")]
    assert sorted(shapes[key] for key in norms) == sorted(tuple(layer.gamma.shape) for layer in ours.values())


def our_name(theirs):
    """`layer2.0.shortcut.0` -> `stage2/block0/shortcut/conv`."""
    if theirs in ("conv1", "fc"):
        return {"conv1": "stem/conv", "fc": "classifier"}[theirs]
    stage, block, part = theirs.replace("layer", "stage").split(".", 2)
    part = "shortcut/conv" if part in ("shortcut.0", "downsample.0") else part
    return f"{stage}/block{block}/{part}"
