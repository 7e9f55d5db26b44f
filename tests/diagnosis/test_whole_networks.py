"""Whole networks: paths against what moves the outputs, and the diagnosis as JSON, table and picture."""

import json

import numpy as np
import pytest
import tf_keras as keras

from tests.conftest import make_mask, make_model, slow
from tfsparse import diagnose
from tfsparse.mask import Mask, prunable
from tfsparse.models import build_model
from tfsparse.task import Data

layers = keras.layers


@pytest.mark.parametrize("density", [0.05, 0.2])
@pytest.mark.parametrize("seed", [0, slow(1), slow(2)])
def test_a_weight_is_on_a_path_if_it_moves_the_outputs(density, seed):
    """Of the positive network: every live weight is doubled in turn."""
    model = make_model()
    mask = make_mask(model, density, seed)
    random = np.random.default_rng(seed)
    for variable in model.variables:
        variable.assign(
            np.zeros(variable.shape) if "bias" in variable.name or "beta" in variable.name else np.ones(variable.shape)
        )
        variable.assign(np.zeros(variable.shape)) if "mean" in variable.name else None
    weights, image = prunable(model), random.uniform(0.5, 1.5, (1, 8, 8, 3)).astype("float32")
    for path, array in mask.items():
        weights[path].assign(array * random.uniform(0.5, 1.5, array.shape))
    base = float(np.sum(model(image)))
    for layer in diagnose(model, mask).layers:
        start, moved = weights[layer.path].numpy(), 0
        for place in zip(*np.nonzero(mask[layer.path]), strict=True):
            changed = start.copy()
            changed[place] *= 3
            weights[layer.path].assign(changed)
            moved += float(np.sum(model(image))) != base
        weights[layer.path].assign(start)
        assert layer.effective == moved


@pytest.mark.parametrize("name", ["resnet8(width=0.25)", "mobilenet(width=0.25)", slow("vgg16(width=0.1)")])
def test_dense_networks_are_all_paths(name):
    images = np.zeros((4, 64, 64, 3), "uint8")
    model = build_model(
        name, Data.from_arrays(train=(images, np.arange(4)), batch_size=4, mean=(0.0,) * 3, std=(1.0,) * 3)
    )
    before = model.get_weights()
    found = diagnose(model, Mask.ones(model))
    assert found.effective == found.live == found.total and found.sparse_flops == found.dense_flops
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_json_table_and_picture(model, mask, tmp_path):
    found = diagnose(model, mask)
    found.save_json(tmp_path / "d.json")
    assert json.loads((tmp_path / "d.json").read_text()) == json.loads(json.dumps(found.to_dict()))
    assert found.to_dict()["layers"][0]["path"] == "stem/kernel"
    found.plot(tmp_path / "d.png")
    assert (tmp_path / "d.png").read_bytes()[:4] == b"\x89PNG" and len(list(tmp_path.iterdir())) == 2
    assert found.table().row_count == len(mask) + 1


def test_few_and_empty_are_marked(model):
    arrays = {path: np.zeros(v.shape, bool) for path, v in prunable(model).items()}
    for path in arrays:
        arrays[path].flat[:3] = path != "conv1/kernel"
    found = diagnose(model, arrays)
    assert found.empty == ["conv1/kernel"] and "head/kernel" in [
        *found.few,
        *[x.path for x in found.layers if x.note == "cut off"],
    ]


def test_refusals(model):
    with pytest.raises(ValueError, match="names no prunable weight"):
        diagnose(model, {"nowhere/kernel": [[1]]})
    open_size = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(2, 3), layers.GlobalMaxPooling2D()])
    with pytest.raises(ValueError, match="size of the inputs of model 'sequential.*' is not known: pass input_shape"):
        diagnose(open_size, Mask.ones(open_size))
    assert diagnose(open_size, Mask.ones(open_size), input_shape=(5, 5, 3)).dense_flops == 2 * 9 * 54
