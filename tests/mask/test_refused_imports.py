"""What is no mask for this model is refused, with the file, the entry and what to do."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.conftest import make_mask
from tests.mask.nets import torch_masks
from tfsparse.mask import Mask, export_mask, import_mask
from tfsparse.masks import find_mask

STEM = (4, 3, 3, 3)


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        (
            {"extra": np.zeros((5, 5))},
            r"'extra' of shape \(5, 5\), which fits none of the weights.*stem/kernel \(4, 3, 3, 3\)",
        ),
        (
            {"stem.weight": np.zeros((4, 4, 3, 3))},
            r"which fits none of .*: stem/kernel \(4, 3, 3, 3\)\. Is it of another",
        ),
        ({"stem.bias": np.zeros(4), "n": np.array(0)}, "no array of two or more axes among stem.bias, n"),
        ({"w": np.random.default_rng(0).random(STEM) + 1}, "none of which is 0"),
        ({"w": np.full(STEM, np.nan)}, "NaN or infinity in 'w'"),
        ({"w": np.full(STEM, np.inf)}, "NaN or infinity in 'w'"),
        ({"w_mask": np.eye(9).reshape(9, 3, 3)[:4, None].repeat(3, 1) * 0.5}, "other than 0 and 1 in 'w_mask', a mask"),
        ({"w": np.where(np.arange(108) < 90, 1, -3).reshape(STEM)}, "other than 0 and 1 in 'w', a mask"),
        ({"w": np.zeros((3000, 3000), bool)}, "more than is plausible"),
        ({"w": np.array([["a", "b"]])}, "holds no numbers"),
        ({"w": np.zeros((2, 2), complex)}, "holds no numbers"),
        ({"w": np.zeros((2, 2), [("a", "f4")])}, "holds no numbers"),
        ({}, "no array of two or more axes"),
    ],
)
def test_arrays(arrays, match, model, tmp_path):
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ValueError, match=match) as error:
        import_mask(tmp_path / "bad.npz", model)
    assert "bad.npz" in str(error.value)


@pytest.mark.parametrize(
    ("names", "match"),
    [
        ({"stem": "nowhere/kernel"}, "'nowhere/kernel': the model has no such weight, but stem/kernel"),
        ({"nowhere": "stem/kernel"}, "has no entry 'nowhere'.*it has stem, conv1"),
        ({"stem": "conv1/kernel"}, "fits none of the weights .*: conv1/kernel"),
        ({"conv1": "conv1/kernel", "conv2": "conv1/kernel"}, "gives 'conv1/kernel' several entries"),
        ("[1, 2]", "is no {name: weight path}"),
        ('{"stem": 3}', "is no {name: weight path}"),
        ("{", "table of names in JSON"),
    ],
)
def test_tables(names, match, model, tmp_path):
    np.savez(tmp_path / "mask.npz", **torch_masks(model))
    if isinstance(names, str):
        (tmp_path / "names.json").write_text(names)
        names = tmp_path / "names.json"
    with pytest.raises(ValueError, match=match) as error:
        import_mask(tmp_path / "mask.npz", model, names=names)
    assert "mask.npz" in str(error.value)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".PTH", ".pkl", ".ckpt", ".bin"])
def test_pickles_are_not_opened(suffix, model, tmp_path):
    (tmp_path / f"mask{suffix}").write_bytes(b"cos\nabort\n(tR.")
    with pytest.raises(
        ValueError, match=r"a program, which is not run here.*safetensors\.torch\.save_file\(\{k: v\.contig"
    ):
        import_mask(tmp_path / f"mask{suffix}", model)


def test_no_file_and_other_files(model, tmp_path):
    np.savez(tmp_path / "mask.npz", **torch_masks(model))
    for path, options in ((tmp_path / "nowhere.npz", {}), (tmp_path / "mask.npz", {"names": tmp_path / "no.json"})):
        with pytest.raises(FileNotFoundError, match="No "):
            import_mask(path, model, **options)
    with pytest.raises(ValueError, match=r"not from '\.h5'"):
        import_mask(tmp_path / "mask.h5", model)


def test_exports(model, tmp_path):
    mask = make_mask(model)
    for suffix in (".pt", ".npy", ""):
        with pytest.raises(ValueError, match=r"written as \.safetensors or \.npz"):
            export_mask(mask, model, tmp_path / f"mask{suffix}")
    with pytest.raises(ValueError, match="'nowhere/kernel', which the mask does not cover"):
        export_mask(mask, model, tmp_path / "mask.npz", names={"nowhere/kernel": "a"})
    with pytest.raises(ValueError, match=r"would hold 'conv2\.weight' twice"):
        export_mask(mask, model, tmp_path / "mask.npz", names={"stem/kernel": "conv2.weight"})
    with pytest.raises(ValueError, match="names no prunable weight"):
        export_mask(Mask({"other/kernel": [[1]]}), model, tmp_path / "mask.npz")
    assert not list(tmp_path.iterdir())


def test_a_foreign_mask_where_ours_is_expected_says_what_to_do(model, tmp_path):
    masks = torch_masks(model)
    save_file(masks, tmp_path / "theirs.safetensors")
    with pytest.raises(ValueError, match=r"made elsewhere is read by import_mask\(path, model\)"):
        find_mask(model, tmp_path / "theirs.safetensors")
    with pytest.raises(
        ValueError, match=r"shape \(4, 3, 3, 3\).*That is PyTorch's layout: read the file with import_mask"
    ):
        Mask({"stem/kernel": masks["stem"]}).check(model)
