"""Mask files: whole or not there, checked before they are used."""

import json
import struct

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.conftest import make_mask
from tfsparse.mask import Mask
from tfsparse.mask.files import MAX_BYTES

METADATA = {"method": "snip", "options": '{"batches": 4}', "sparsity": "0.95", "seed": "3", "version": "0.1.0"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs" / "mask.safetensors"


def raw(path, header, body=b""):
    """A safetensors file with whatever header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def test_round_trip(path, model):
    mask = Mask(make_mask(model), METADATA)
    assert mask.save(path) == path
    again = Mask.load(str(path))
    assert again == mask
    assert again.metadata == METADATA
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_metadata_become_strings_and_may_be_missing(path):
    Mask({"a": [1]}, {"seed": 3}).save(path)
    assert Mask.load(path).metadata == {"seed": "3"}
    Mask({"a": [1]}).save(path)
    assert Mask.load(path).metadata == {}


def test_a_scalar_and_a_transposed_array_survive(path):
    mask = Mask({"scalar": True, "transposed": np.eye(3, 4, 1, dtype=bool).T})
    mask.save(path)
    assert Mask.load(path) == mask


def test_0_and_1_of_another_type_are_read(path, tmp_path):
    save_file({"a": np.array([1, 0], "float32"), "b": np.array([1], "uint8")}, tmp_path / "other.safetensors")
    assert Mask.load(tmp_path / "other.safetensors") == Mask({"a": [1, 0], "b": [1]})


def test_no_file(path):
    with pytest.raises(FileNotFoundError, match=r"No mask file '.*mask\.safetensors'"):
        Mask.load(path)


def test_every_truncation_is_noticed(path):
    Mask({"a": np.ones((5, 5), bool), "b": [1, 0]}, METADATA).save(path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="is not a readable mask file"):
            Mask.load(path)


def test_a_flipped_bit_in_header_or_body_is_noticed_or_harmless(path):
    """No damage gets through as another error; a body byte of a boolean must be 0 or 1."""
    Mask({"a": np.ones((2, 2), bool)}).save(path)
    whole = bytearray(path.read_bytes())
    for position in range(len(whole)):
        damaged = whole.copy()
        damaged[position] ^= 0x42
        path.write_bytes(damaged)
        try:
            Mask.load(path)
        except ValueError as error:
            assert str(path) in str(error)
    whole[-1] = 7
    path.write_bytes(whole)
    with pytest.raises(ValueError, match="other than 0 and 1"):
        Mask.load(path)


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (b"", b""),
        (b"{", b""),
        (b"\xff\xfe", b""),
        ({}, b""),
        ({"a": {"dtype": "BOOL", "shape": [2], "data_offsets": [0, 1]}}, b"\x01"),
        ({"a": {"dtype": "BOOL", "shape": [1 << 40], "data_offsets": [0, 1 << 40]}}, b"\x01"),
        ({"a": {"dtype": "BOOL", "shape": [1 << 62, 1 << 62], "data_offsets": [0, 1]}}, b"\x01"),
        ({"a": {"dtype": "BOOL", "shape": [-1], "data_offsets": [0, 1]}}, b"\x01"),
        ({"a": {"dtype": "BOOL", "shape": [0], "data_offsets": [0, 0]}}, b""),
        ({"a": {"dtype": "PICKLE", "shape": [1], "data_offsets": [0, 1]}}, b"\x01"),
        ({"a": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}, b"\x01\x01"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, b"\x00\x00\xc0\x7f"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, b"\x00\x00\x00\x3f"),
    ],
)
def test_what_is_no_mask_is_refused_with_the_file_name(path, header, body):
    raw(path, header, body)
    with pytest.raises(ValueError, match=r"mask\.safetensors"):
        Mask.load(path)


def test_a_huge_header_length_is_refused(path):
    path.parent.mkdir()
    path.write_bytes(struct.pack("<Q", 1 << 60) + b"{}")
    with pytest.raises(ValueError, match="is not a readable mask file"):
        Mask.load(path)


def test_more_weights_than_any_model_has_are_refused_before_reading(path):
    size = MAX_BYTES + 1
    raw(path, {"a": {"dtype": "BOOL", "shape": [size], "data_offsets": [0, size]}})
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size + size)  # a hole: no disk is used
    with pytest.raises(ValueError, match="claims more than"):
        Mask.load(path)


def test_a_failed_save_leaves_the_old_file(path, monkeypatch):
    Mask({"a": [1, 0]}).save(path)
    monkeypatch.setattr("tfsparse.mask.files.save", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Mask({"a": [1, 1]}).save(path)
    assert Mask.load(path) == Mask({"a": [1, 0]})
    assert len(list(path.parent.iterdir())) == 1
