"""Two thousand damaged files: each refused with a clear error, or harmless; none crashes, hangs or takes memory."""

import numpy as np
import pytest
import tf_keras as keras

from tests.mask.damage import of_bytes, of_header, of_member, read_carefully
from tfsparse.mask import Mask, export_mask, import_mask


@pytest.fixture(scope="module")
def model():
    convolution = keras.layers.Conv2D(4, 3, input_shape=(8, 8, 3), name="a")
    return keras.Sequential([convolution, keras.layers.Dense(5, name="b")])


@pytest.fixture(scope="module")
def mask(model):
    random = np.random.default_rng(0)
    arrays = {"a/kernel": random.random((3, 3, 3, 4)) < 0.5, "b/kernel": random.random((4, 5)) < 0.5}
    start = {"a/bias": random.normal(size=4), "b/kernel": random.normal(size=(4, 5))}
    return Mask(arrays, {"method": "snip", "options": '{"batches": 4}'}, start)


def assert_same(found, mask):
    assert found == mask and found.metadata == mask.metadata
    assert found.weights.keys() == mask.weights.keys()
    for path, array in mask.weights.items():
        np.testing.assert_array_equal(found.weights[path], array)


@pytest.mark.parametrize(("damage", "count"), [(of_bytes, 600), (of_header, 300)])
def test_our_own_files(damage, count, mask, tmp_path):
    """All is under a checksum: what is accepted is what was written (a space in the header more, a number written anew)."""
    whole = mask.save(tmp_path / "whole.safetensors").read_bytes()
    random, path, refused = np.random.default_rng(0), tmp_path / "mask.safetensors", 0
    for _ in range(count):
        found = read_carefully(Mask.load, path, damage(whole, random))
        refused += found is None
        if found is not None:
            assert_same(found, mask)
    assert refused > 0.9 * count


def damaged_exports(mask, model, folder):
    """(suffix, spoilt content) of files for PyTorch."""
    random = np.random.default_rng(1)
    npz, tensors = (export_mask(mask, model, folder / f"whole{suffix}") for suffix in (".npz", ".safetensors"))
    with np.load(npz) as file:
        arrays = dict(file)
    for _ in range(300):
        yield ".npz", of_bytes(npz.read_bytes(), random)
        yield ".npz", of_member(arrays, random)
        yield ".safetensors", of_bytes(tensors.read_bytes(), random)
        yield ".safetensors", of_header(tensors.read_bytes(), random)


def test_files_of_others(model, mask, tmp_path):
    """Without a checksum of ours a flipped bit of a mask is a mask: what is accepted fits, and is the same each time."""
    accepted, total = 0, 0
    for suffix, content in damaged_exports(mask, model, tmp_path):
        path = tmp_path / f"mask{suffix}"
        found = read_carefully(lambda path: import_mask(path, model), path, content)
        total += 1
        if found is not None:
            accepted += 1
            found.check(model)
            assert found == import_mask(path, model) and found.total <= mask.total
            if found != mask and suffix == ".npz":  # only archives that are sound themselves hold other masks
                with np.load(path) as file:
                    assert found.live == sum(int(np.count_nonzero(file[name])) for name in file.files)
    assert total == 1200 and accepted < 0.35 * total


def test_every_bit_of_a_small_file_of_ours(tmp_path):
    mask = Mask({"a": [True, False]}, weights={"b": [1.0]})
    whole, path = mask.save(tmp_path / "whole.safetensors").read_bytes(), tmp_path / "mask.safetensors"
    for position in range(8 * len(whole)):
        content = bytearray(whole)
        content[position // 8] ^= 1 << position % 8
        path.write_bytes(content)
        try:
            found = Mask.load(path)
        except ValueError as error:
            assert path.name in str(error)
        else:
            assert_same(found, mask)
