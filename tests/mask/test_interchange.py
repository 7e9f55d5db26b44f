"""Masks from PyTorch, and for it."""

import json
import logging

import numpy as np
import pytest
import tf_keras as keras
from safetensors.numpy import load_file, save_file

from tests import fixtures_net
from tests.conftest import make_mask, make_model
from tfsparse.mask import Mask, export_mask, import_mask, prunable
from tfsparse.masks import find_mask

layers = keras.layers


def every_kind():
    stack = [
        layers.Conv2D(8, (3, 2), input_shape=(9, 8, 4), name="conv"),
        layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise"),
        layers.SeparableConv2D(6, 2, name="separable"),
        layers.Conv2DTranspose(10, 2, name="transposed"),
        layers.Conv2D(12, 1, groups=2, name="grouped"),
        layers.ReLU(),
        layers.Flatten(name="flatten"),
        layers.Dropout(0.5),
        layers.Dense(7, name="hidden"),
        layers.Dense(7, name="square"),
    ]
    return keras.Sequential(stack)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("build", [make_model, every_kind])
def test_there_and_back(build, suffix, tmp_path):
    model = build()
    mask = make_mask(model)
    path = export_mask(mask, model, tmp_path / f"mask{suffix}")
    assert import_mask(path, model) == mask
    renamed = {place: f"net.{number}.w" for number, place in enumerate(mask)}
    path = export_mask(mask, model, tmp_path / f"renamed{suffix}", names=renamed)
    back = {name: place for place, name in renamed.items()}
    assert import_mask(path, model, names=back) == mask
    (tmp_path / "table.json").write_text(json.dumps(back))
    assert import_mask(path, model, names=tmp_path / "table.json") == mask
    assert not list(tmp_path.glob("*.unfinished"))


def test_shapes_are_pytorchs(tmp_path):
    model = every_kind()
    arrays = load_file(export_mask(make_mask(model), model, tmp_path / "mask.safetensors"))
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


def test_a_dense_layer_after_flatten_sees_channels_first_in_pytorch(tmp_path, caplog):
    """Computed by hand: the same function of the same image, flattened (C, H, W) there and (H, W, C) here."""
    model = keras.Sequential([keras.Input((2, 3, 4)), layers.Flatten(), layers.Dense(5, name="head")])
    random = np.random.default_rng(0)
    theirs, image = random.random((5, 24)) < 0.5, random.random((2, 3, 4))
    np.savez(tmp_path / "mask.npz", **{"fc.weight_mask": theirs})
    with caplog.at_level(logging.INFO, logger="tfsparse"):
        ours = import_mask(tmp_path / "mask.npz", model)["head/kernel"]
    np.testing.assert_allclose(image.ravel() @ ours, theirs @ image.transpose(2, 0, 1).ravel())
    assert "fc.weight_mask [5, 24] -> head/kernel [24, 5] (transposed, inputs reordered after Flatten; found in order)" in caplog.text


NETS = ["sf_vgg_narrow", "sf_resnet20_w8", "tost_resnet18_w8", "tost_oresnet20_w8"]


@pytest.mark.skipif(not fixtures_net.SHARED.is_dir(), reason=f"no reference fixtures at {fixtures_net.SHARED}")
@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_masks_of_the_references(name, suffix, tmp_path):
    arrays, meta = fixtures_net.load(name)
    model, places = fixtures_net.build(meta, arrays)
    given = {f"{layer}.weight_mask": arrays[f"mask/snip_eval_b0_s0.98/{layer}"] for layer in places}
    state = {**given, **{n.removeprefix("param/"): a for n, a in arrays.items() if n.startswith("param/")}}
    state["bn1.num_batches_tracked"] = np.array(0)
    path = tmp_path / f"mask{suffix}"
    np.savez(path, **state) if suffix == ".npz" else save_file(state, path)
    mask = import_mask(path, model)
    for layer, place in places.items():
        np.testing.assert_array_equal(mask[place], fixtures_net.to_keras(given[f"{layer}.weight_mask"]))
    if suffix == ".npz":
        assert find_mask(model, str(path), sparsity=mask.sparsity) == mask


def torch_arrays(model, weights=False):
    """A state dict as PyTorch would save it: (name, array) in the order of the layers."""
    random, rows = np.random.default_rng(0), {}
    for path, variable in prunable(model).items():
        shape = tuple(variable.shape)
        shape = (shape[-1], shape[-2], *shape[:-2])
        live = random.random(shape) < 0.5
        rows[path.split("/")[0]] = random.normal(size=shape).astype("float32") * live if weights else live
    return rows


def test_weights_with_zeros_are_masks_and_what_is_missing_stays_dense(tmp_path, caplog):
    model = make_model()
    given = {f"{name}.weight": array for name, array in torch_arrays(model, weights=True).items() if array.ndim == 4}
    np.savez(tmp_path / "w.npz", **given, **{"norm0.weight": np.ones(4), "norm0.bias": np.zeros(4)})
    with caplog.at_level(logging.INFO, logger="tfsparse"):
        mask = import_mask(tmp_path / "w.npz", model)
    assert list(mask) == ["stem/kernel", "conv1/kernel", "conv2/kernel"]
    np.testing.assert_array_equal(mask["stem/kernel"], (given["stem.weight"] != 0).transpose(2, 3, 1, 0))
    assert "norm0.weight" in caplog.text and "stay dense: hidden/kernel, head/kernel" in caplog.text


def test_numbers_in_names_are_numbers(tmp_path):
    model = keras.Sequential([keras.Input((4,)), *[layers.Dense(4, name=f"dense{i}") for i in range(12)]])
    random = np.random.default_rng(0)
    given = {f"net.{i}.weight": random.random((4, 4)) < 0.5 for i in range(12)}
    save_file(given, tmp_path / "mask.safetensors")
    mask = import_mask(tmp_path / "mask.safetensors", model)
    for number in range(12):
        np.testing.assert_array_equal(mask[f"dense{number}/kernel"], given[f"net.{number}.weight"].T)


def test_our_own_layout_is_recognised(tmp_path):
    model = make_model()
    mask = make_mask(model)
    np.savez(tmp_path / "keras.npz", **{f"layer{i}": array for i, array in enumerate(mask.values())})
    imported = import_mask(tmp_path / "keras.npz", model)
    assert imported == mask and {row["how"] for row in json.loads(imported.metadata["entries"])} == {"as it is"}


def refused(arrays, model, tmp_path, match, **options):
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ValueError, match=match) as error:
        import_mask(tmp_path / "bad.npz", model, **options)
    assert "bad.npz" in str(error.value)


def test_refusals(model, tmp_path):
    arrays = torch_arrays(model)
    refused({**arrays, "extra": np.zeros((5, 5))}, model, tmp_path, r"holds 'extra' of shape \(5, 5\), which fits none")
    refused({"stem.bias": np.zeros(4)}, model, tmp_path, "no kernel's mask")
    refused({"w": np.random.default_rng(0).random((4, 3, 3, 3)) + 1}, model, tmp_path, "none of which is 0")
    refused({"w": np.full((4, 3, 3, 3), np.nan)}, model, tmp_path, "NaN or infinity in 'w'")
    refused({"w": np.zeros((3000, 3000), bool)}, model, tmp_path, "more than is plausible")
    refused({"w": np.array([["a", "b"]])}, model, tmp_path, "holds no numbers")
    refused(arrays, model, tmp_path, "no such weight", names={"stem": "nowhere/kernel"})
    refused(arrays, model, tmp_path, "fits none of the weights .*: conv1/kernel", names={"stem": "conv1/kernel"})
    for suffix in (".pt", ".pth", ".pkl", ".ckpt"):
        with pytest.raises(
            ValueError, match=r"is a pickle: a program, which is not run here.*safetensors\.torch\.save_file"
        ):
            import_mask(tmp_path / f"mask{suffix}", model)
    with pytest.raises(FileNotFoundError):
        import_mask(tmp_path / "nowhere.npz", model)
    with pytest.raises(ValueError, match="not from '.h5'"):
        import_mask(tmp_path / "mask.h5", model)
    with pytest.raises(ValueError, match=r"written as \.safetensors or \.npz"):
        export_mask(make_mask(model), model, tmp_path / "mask.pt")


def test_a_foreign_mask_where_ours_is_expected_says_what_to_do(model, tmp_path):
    save_file(torch_arrays(model), tmp_path / "theirs.safetensors")
    with pytest.raises(ValueError, match="made elsewhere is read by import_mask"):
        find_mask(model, tmp_path / "theirs.safetensors")
    turned = Mask({"stem/kernel": np.ones((4, 3, 3, 3), bool)})
    with pytest.raises(ValueError, match="PyTorch's layout"):
        turned.check(model)
