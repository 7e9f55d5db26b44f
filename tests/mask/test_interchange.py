"""Masks from PyTorch, and for it."""

import json
import logging

import numpy as np
import pytest
import tf_keras as keras
from safetensors.numpy import load_file, save_file

from tests import fixtures_net
from tests.conftest import make_mask, make_model
from tests.mask.nets import every_kind, of_sequences, of_volumes, torch_masks
from tfsparse.mask import Mask, export_mask, import_mask
from tfsparse.masks import find_mask

layers = keras.layers
SUFFIXES = [".npz", ".safetensors"]


def write(path, arrays):
    np.savez(path, **arrays) if path.suffix == ".npz" else save_file(arrays, path)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("build", [make_model, every_kind, of_sequences, of_volumes])
def test_there_and_back(build, suffix, tmp_path):
    model = build()
    mask = make_mask(model)
    path = export_mask(mask, model, tmp_path / f"mask{suffix}")
    assert import_mask(path, model) == mask
    renamed = {place: f"net.{number}.w" for number, place in enumerate(mask)}
    path = export_mask(mask, model, tmp_path / f"renamed{suffix}", names=renamed)
    assert import_mask(path, model) == mask, "in order"
    back = {name: place for place, name in renamed.items()}
    assert import_mask(path, model, names=back) == mask
    (tmp_path / "table.json").write_text(json.dumps(back))
    assert import_mask(path, model, names=tmp_path / "table.json") == mask
    assert not list(tmp_path.glob("*.unfinished"))


def test_a_part_of_the_weights_goes_there_and_back(model, tmp_path):
    part = Mask({name: array for name, array in make_mask(model).items() if name != "conv1/kernel"})
    assert import_mask(export_mask(part, model, tmp_path / "part.npz"), model) == part


def test_a_mask_from_a_file_is_written_in_the_order_of_the_model(model, tmp_path):
    mask = Mask.load(make_mask(model).save(tmp_path / "ours.safetensors"))
    with np.load(export_mask(mask, model, tmp_path / "theirs.npz")) as file:
        assert file.files == ["stem.weight", "conv1.weight", "conv2.weight", "hidden.weight", "head.weight"]


def test_what_pytorch_is_given(tmp_path):
    model = every_kind()
    arrays = load_file(export_mask(make_mask(model), model, tmp_path / "mask.safetensors"))
    assert {array.dtype for array in arrays.values()} == {np.dtype(bool)}
    assert {name: array.shape for name, array in arrays.items()} == {
        "conv.weight": (8, 4, 3, 2),
        "depthwise.depthwise_weight": (16, 1, 3, 3),
        "separable.depthwise_weight": (16, 1, 2, 2),
        "separable.pointwise_weight": (6, 16, 1, 1),
        "transposed.weight": (6, 10, 2, 2),
        "grouped.weight": (12, 5, 1, 1),
        "hidden.weight": (7, 300),
        "square.weight": (7, 7),
    }


NETS = ["sf_vgg_narrow", "sf_resnet20_w8", "tost_resnet18_w8", "tost_oresnet20_w8"]


@pytest.mark.skipif(not fixtures_net.SHARED.is_dir(), reason=f"no reference fixtures at {fixtures_net.SHARED}")
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", NETS)
def test_masks_of_the_references(name, suffix, tmp_path):
    """Masks alone, and in the state dict of a whole network, under the names of the references."""
    arrays, meta = fixtures_net.load(name)
    model, places = fixtures_net.build(meta, arrays)
    masks = {layer: arrays[f"mask/snip_eval_b0_s0.98/{layer}"] for layer in places}
    state = {key.removeprefix("param/"): array for key, array in arrays.items() if key.startswith("param/")}
    whole = {**state, **{f"{layer}.weight_mask": array.astype("float32") for layer, array in masks.items()}}
    whole |= {
        f"{key}_mask": np.ones_like(array) for key, array in state.items() if array.ndim in (1, 3)
    }  # norms, scales
    whole["bn1.num_batches_tracked"] = np.array(0)
    pruned = state | {f"{layer}.weight": state[f"{layer}.weight"] * array for layer, array in masks.items()}
    for given in (masks, pruned, whole):
        mask = import_mask(write(tmp_path / f"mask{suffix}", given), model)
        assert mask == Mask({place: fixtures_net.to_keras(masks[layer]) for layer, place in places.items()})
        assert mask.live == sum(int(array.sum()) for array in masks.values())
    if suffix == ".npz":
        assert find_mask(model, str(tmp_path / "mask.npz"), sparsity=mask.sparsity) == mask


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_weights_with_zeros_are_masks_and_what_is_missing_stays_dense(suffix, tmp_path, caplog):
    """As ToST keeps them: convolutions, no classifier."""
    model, random = make_model(), np.random.default_rng(1)
    masks = {name: array for name, array in torch_masks(model).items() if array.ndim == 4}
    given = {
        f"{name}.weight": (array * random.normal(size=array.shape)).astype("float32") for name, array in masks.items()
    }
    given |= {"norm0.weight": np.ones(4), "norm0.bias": np.zeros(4), "norm0.num_batches_tracked": np.array(7)}
    with caplog.at_level(logging.INFO, logger="tfsparse"):
        mask = import_mask(write(tmp_path / f"w{suffix}", given), model)
    assert mask == Mask({f"{name}/kernel": array.transpose(2, 3, 1, 0) for name, array in masks.items()})
    assert "stay dense: hidden/kernel, head/kernel" in caplog.text
    assert sorted(json.loads(mask.metadata["left_out"])) == ["norm0.bias", "norm0.num_batches_tracked", "norm0.weight"]


def test_as_torch_nn_utils_prune_has_them(tmp_path, caplog):
    """`weight_orig` has no zeros; the mask beside it counts. A pruned bias cannot be said here, and is reported."""
    model = make_model()
    masks, given = torch_masks(model), {}
    for name, array in masks.items():
        given |= {f"{name}.weight_orig": np.ones(array.shape) / 3, f"{name}.weight_mask": array.astype("float32")}
    given |= {"head.bias_orig": np.ones(3), "head.bias_mask": np.array([1.0, 0.0, 1.0])}
    with caplog.at_level(logging.INFO, logger="tfsparse"):
        mask = import_mask(write(tmp_path / "pruned.npz", given), model)
    np.testing.assert_array_equal(mask["stem/kernel"], masks["stem"].transpose(2, 3, 1, 0))
    np.testing.assert_array_equal(mask["head/kernel"], masks["head"].T)
    assert "Pruned there and dense here, where masks are for kernels only: head.bias_mask" in caplog.text


def test_the_report(tmp_path, caplog):
    model = keras.Sequential([keras.Input((2, 3, 4)), layers.Flatten(), layers.Dense(5, name="head")])
    with caplog.at_level(logging.INFO, logger="tfsparse"):
        mask = import_mask(write(tmp_path / "mask.npz", {"fc.weight": np.eye(5, 24)}), model)
    how = "transposed, inputs reordered after Flatten"
    assert f"fc.weight [5, 24] -> head/kernel [24, 5] ({how}; found in order)" in caplog.text
    (row,) = json.loads(Mask.load(mask.save(tmp_path / "ours.safetensors")).metadata["entries"])
    assert (row["entry"], row["weight"], row["how"], row["found"]) == ("fc.weight", "head/kernel", how, "in order")
    assert mask.metadata["imported"] == "mask.npz"
