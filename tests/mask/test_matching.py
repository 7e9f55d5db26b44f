"""Which entry is the mask of which weight, and in which layout."""

import json
import logging

import numpy as np
import tf_keras as keras
from safetensors.numpy import save_file

from tests.conftest import make_mask
from tests.mask.nets import torch_masks
from tfsparse.mask import Mask, import_mask

layers = keras.layers


def dense(*widths):
    return keras.Sequential(
        [keras.Input(widths[:1]), *[layers.Dense(n, name=f"d{i}") for i, n in enumerate(widths[1:])]]
    )


def imported(path, arrays, model, **options):
    np.savez(path, **arrays) if path.suffix == ".npz" else save_file(arrays, path)
    return import_mask(path, model, **options)


def random_masks(*shapes):
    random = np.random.default_rng(0)
    return [random.random(shape) < 0.5 for shape in shapes]


def test_numbers_in_names_are_numbers(tmp_path):
    given = {f"net.{i}.weight": array for i, array in enumerate(random_masks(*[(4, 4)] * 12))}
    mask = imported(tmp_path / "mask.safetensors", given, dense(*[4] * 13))
    for number in range(12):
        np.testing.assert_array_equal(mask[f"d{number}/kernel"], given[f"net.{number}.weight"].T)


def test_npz_keeps_the_order_of_definition(tmp_path):
    first, second = random_masks((4, 4), (4, 4))
    mask = imported(tmp_path / "mask.npz", {"z": first, "a": second}, dense(4, 4, 4))
    assert mask == Mask({"d0/kernel": first.T, "d1/kernel": second.T})


def test_names_go_before_order(tmp_path):
    first, second, third = random_masks((4, 4), (4, 4), (4, 4))
    given = {"d2.weight": third, "x": first, "d1/kernel": second}
    mask = imported(tmp_path / "mask.npz", given, dense(4, 4, 4, 4))
    assert mask == Mask({"d0/kernel": first.T, "d1/kernel": second.T, "d2/kernel": third.T})


def test_another_order_goes_by_shape(tmp_path):
    first, second, third = random_masks((5, 4), (6, 5), (4, 6))
    mask = imported(tmp_path / "mask.npz", {"c": third, "a": first, "b": second}, dense(4, 5, 6, 4))
    assert mask == Mask({"d0/kernel": first.T, "d1/kernel": second.T, "d2/kernel": third.T})


def test_a_table_decides_and_only_its_entries_count(tmp_path, caplog):
    first, second = random_masks((4, 4), (4, 4))
    given = {"d0.weight": first, "d1.weight": second, "d1.weight_mask": second, "other": np.ones((9, 9))}
    names = {"d0.weight": "d1/kernel"}
    with caplog.at_level(logging.INFO, logger="tfsparse"):
        mask = imported(tmp_path / "mask.npz", given, dense(4, 4, 4), names=names)
    assert mask == Mask({"d1/kernel": first.T})
    assert "other" in caplog.text and "stay dense: d0/kernel" in caplog.text
    assert json.loads(mask.metadata["entries"])[0]["found"] == "by table"


def test_fewer_masks_than_weights_of_their_shape_are_doubtful(tmp_path, caplog):
    (only,) = random_masks((4, 4))
    with caplog.at_level(logging.WARNING, logger="tfsparse"):
        mask = imported(tmp_path / "mask.npz", {"w": only}, dense(4, 4, 4))
    assert mask == Mask({"d0/kernel": only.T})
    assert "fewer masks of shape (4, 4) than weights" in caplog.text


def test_another_order_is_doubtful_where_shapes_repeat(tmp_path, caplog):
    """Keras' ResNets have the shortcut before the last convolution of a block, torchvision's behind it."""
    first, second, third = random_masks((5, 4), (4, 5), (5, 4))
    with caplog.at_level(logging.WARNING, logger="tfsparse"):
        mask = imported(tmp_path / "mask.npz", {"b": second, "a": first, "c": third}, dense(4, 5, 4, 5))
    assert mask == Mask({"d0/kernel": first.T, "d1/kernel": second.T, "d2/kernel": third.T})
    assert "order is not the model's" in caplog.text and "wrong: a -> d0/kernel; c -> d2/kernel." in caplog.text


def test_our_own_layout_is_recognised(model, tmp_path):
    mask = make_mask(model)
    found = imported(tmp_path / "keras.npz", {f"layer{i}": array for i, array in enumerate(mask.values())}, model)
    assert found == mask
    assert {row["how"] for row in json.loads(found.metadata["entries"])} == {"as it is"}


def test_the_whole_file_decides_what_a_square_kernel_is(tmp_path):
    square, wide = random_masks((4, 4), (4, 6))
    model = dense(4, 4, 6)
    assert imported(tmp_path / "a.npz", {"a": square, "b": wide}, model)["d0/kernel"].tolist() == square.tolist()
    assert imported(tmp_path / "b.npz", {"a": square, "b": wide.T}, model)["d0/kernel"].tolist() == square.T.tolist()
    by_name = {"d0/kernel": square, "d1/kernel": wide}
    assert imported(tmp_path / "c.npz", by_name, model) == Mask(by_name)


def test_our_own_mask_files_are_read_too(model, tmp_path):
    mask = make_mask(model)
    assert import_mask(mask.save(tmp_path / "ours.safetensors"), model) == mask
    squares = Mask({f"d{i}/kernel": array for i, array in enumerate(random_masks((4, 4), (4, 4)))})  # no shape tells
    assert import_mask(squares.save(tmp_path / "squares.safetensors"), dense(4, 4, 4)) == squares


def test_a_layer_without_a_live_weight_and_numbers_of_other_types(model, tmp_path):
    masks = torch_masks(model)
    masks["stem"][:] = False
    for dtype in ("uint8", "int64", "float16", "float64", ">f4"):
        given = {name: np.asfortranarray(array.astype(dtype)) for name, array in masks.items()}
        mask = imported(tmp_path / "mask.npz", given, model)
        assert mask.empty == ["stem/kernel"]
        np.testing.assert_array_equal(mask["conv1/kernel"], masks["conv1"].transpose(2, 3, 1, 0))
