"""Weights that a mask brings along."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.conftest import make_mask, make_model
from tfsparse import paths
from tfsparse.mask import Mask


def with_start(model, **others):
    start = {path: variable.numpy() + 1 for path, variable in paths.weights(model).items()}
    return Mask(make_mask(model), {"method": "imp"}, {**start, **others})


def test_they_are_saved_and_given_to_a_model(model, tmp_path):
    mask = with_start(model)
    again = Mask.load(mask.save(tmp_path / "mask.safetensors"))
    assert again == mask == make_mask(model) and list(again.weights) == sorted(again.weights)
    assert again.total == make_mask(model).total and again.metadata == {"method": "imp"}
    other = make_model()
    again.rewind(other)
    for path, variable in paths.weights(other).items():
        np.testing.assert_array_equal(variable, paths.weights(model)[path] + 1)


def test_none_is_none(model, tmp_path):
    mask = Mask.load(make_mask(model).save(tmp_path / "mask.safetensors"))
    assert mask.weights is None and Mask.ones(model).weights is None and Mask.from_zeros(model).weights is None
    with pytest.raises(ValueError, match="no weights to start from"):
        mask.rewind(model)


def test_they_are_copies_in_float32(tmp_path):
    given = np.ones((2, 1))
    mask = Mask({"a": [[1], [0]]}, weights={"a": given, "step": np.array(7, "int64"), "half": np.ones(2, "float16")})
    given[:] = 5
    assert mask.weights["a"].tolist() == [[1], [1]]
    arrays = load_file(mask.save(tmp_path / "mask.safetensors"))
    assert {name: array.dtype.name for name, array in arrays.items()} == {
        "a": "bool",
        "weights::a": "float32",
        "weights::half": "float32",
        "weights::step": "int64",
    }


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ({"head/bias": np.zeros(4)}, r"'head/bias' has shape \(4,\), the weight there \(3,\)"),
        ({"nowhere/bias": np.zeros(3)}, r"'nowhere/bias' has shape \(3,\), the model no such weight"),
    ],
)
def test_all_or_nothing(start, message, model):
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        with_start(model, **start).rewind(model)
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_those_that_are_not_finite_are_refused(bad, tmp_path):
    with pytest.raises(ValueError, match="'b/bias' holds NaN or infinity"):
        Mask({"a": [1]}, weights={"b/bias": [0.0, bad]})
    path = tmp_path / "mask.safetensors"
    save_file({"a": np.ones(1, bool), "weights::b/bias": np.array([0.0, bad])}, path)
    with pytest.raises(ValueError, match=r"mask\.safetensors.*'b/bias' holds NaN or infinity"):
        Mask.load(path)


@pytest.mark.parametrize("bad", ["a", 1j, None])
def test_what_is_no_number_is_refused(bad):
    with pytest.raises(ValueError, match="'b/bias' holds no numbers"):
        Mask({"a": [1]}, weights={"b/bias": [bad]})


def test_files_without_a_checksum_are_read(tmp_path):
    path = tmp_path / "old.safetensors"
    save_file({"a": np.ones(2, bool)}, path, metadata={"method": "old"})
    assert Mask.load(path) == Mask({"a": [1, 1]}) and Mask.load(path).metadata == {"method": "old"}


def test_the_same_mask_gives_the_same_bytes(model, tmp_path):
    mask = Mask(make_mask(model), {key: "ü" * 3 for key in "qwertz"}, {"head/bias": np.zeros(3)})
    first, *others = [mask.save(tmp_path / f"{n}.safetensors").read_bytes() for n in range(6)]
    assert all(other == first for other in others)
    length = int.from_bytes(first[:8], "little")
    assert length % 8 == 0 and "checksum" in json.loads(first[8 : 8 + length])["__metadata__"]
