"""A thousand damaged files: each refused with a clear error, or harmless; none crashes, hangs or takes memory."""

import tracemalloc
import zipfile

import numpy as np
import pytest
import tf_keras as keras

from tfsparse.mask import Mask, export_mask, import_mask

LIMIT = 64 << 20  # bytes; the files hold some hundred


@pytest.fixture(scope="module")
def model():
    return keras.Sequential(
        [keras.layers.Conv2D(4, 3, input_shape=(8, 8, 3), name="a"), keras.layers.Dense(5, name="b")]
    )


@pytest.fixture(scope="module")
def mask(model):
    random = np.random.default_rng(0)
    arrays = {"a/kernel": random.random((3, 3, 3, 4)) < 0.5, "b/kernel": random.random((4, 5)) < 0.5}
    return Mask(arrays, {"method": "mine"}, {"a/bias": np.arange(4, dtype="float32")})


def damaged(content, random):
    """One of many ways to spoil a file."""
    content, kind = bytearray(content), random.integers(7)
    place = int(random.integers(len(content)))
    if kind == 0:
        return bytes(content[:place])
    if kind == 1:
        content[place] ^= 1 << int(random.integers(8))
    elif kind == 2:
        content[place] = int(random.integers(256))
    elif kind == 3:
        content[place : place + 8] = random.bytes(8)
    elif kind == 4:
        content[:8] = random.bytes(8)
    elif kind == 5:
        content[place:place] = random.bytes(int(random.integers(1, 40)))
    else:
        content[place : place + 4] = b"9999"
    return bytes(content)


def same(found, mask):
    return found == mask and all(np.array_equal(found.weights[p], a) for p, a in (mask.weights or {}).items())


def check(read, path, content, accepted):
    """Whether reading `content` is refused; the error must be ours, and memory stay small."""
    path.write_bytes(content)
    tracemalloc.start()
    try:
        found = read(path)
    except ValueError as error:
        assert path.name in str(error), error
        return True
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < LIMIT, f"{peak:,} bytes for a file of {len(content):,}"
    assert accepted(found), "damage was not noticed"
    return False


def test_our_own_files(mask, tmp_path):
    whole = mask.save(tmp_path / "whole.safetensors").read_bytes()
    random, path = np.random.default_rng(0), tmp_path / "mask.safetensors"
    spoilt = [content for content in (damaged(whole, random) for _ in range(600)) if content != whole]
    refused = sum(check(Mask.load, path, content, lambda found: same(found, mask)) for content in spoilt)
    assert len(spoilt) > 560 and refused > 0.95 * len(spoilt)  # the others: spaces in a header, say


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_files_of_others(model, mask, suffix, tmp_path):
    """Without a checksum a flipped bit of a mask is a mask: what is accepted must be one."""
    whole = export_mask(mask, model, tmp_path / f"whole{suffix}").read_bytes()
    random, path = np.random.default_rng(1), tmp_path / f"mask{suffix}"
    spoilt = [damaged(whole, random) for _ in range(400)]
    valid = lambda found: found.check(model) is None and found.live <= mask.total  # noqa: E731
    assert sum(check(lambda file: import_mask(file, model), path, content, valid) for content in spoilt) > 200


def npz(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path.read_bytes()


def npy(header, content):
    text = (header + " " * (-(10 + len(header) + 1) % 64) + "\n").encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content


HOSTILE = {
    "bomb": [("a.npy", npy("{'descr': '|b1', 'fortran_order': False, 'shape': (4, 3, 3, 3), }", bytes(300 << 20)))],
    "claims much": [("a.npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (9999999, 999999), }", b""))],
    "claims more": [("a.npy", npy("{'descr': '|b1', 'fortran_order': False, 'shape': (4, 3, 3, 30), }", bytes(108)))],
    "negative": [("a.npy", npy("{'descr': '|b1', 'fortran_order': False, 'shape': (-4, -27), }", bytes(108)))],
    "objects": [("a.npy", npy("{'descr': '|O', 'fortran_order': False, 'shape': (4, 3, 3, 3), }", b"cos\nsystem\n."))],
    "code": [("a.npy", npy("__import__('os').abort()", b""))],
    "deep": [("a.npy", npy("(" * 5000, b""))],
    "twice": [("a.npy", npy("{'descr': '|b1', 'fortran_order': False, 'shape': (5, 4), }", bytes(20)))] * 2,
    "no arrays": [("readme.txt", b"hello")],
    "empty": [],
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives(name, model, tmp_path):
    content = npz(tmp_path / "made.npz", HOSTILE[name])
    assert check(lambda path: import_mask(path, model), tmp_path / "hostile.npz", content, lambda found: False)


def test_hostile_headers(model, tmp_path):
    for header in (
        b'{"a":{"dtype":"BOOL","shape":[4294967296,4294967296],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,99999999999]}}',
        b'{"a":{"dtype":"BF16","shape":[2,1],"data_offsets":[0,4]}}',
        b'{"a":' * 3000,
        b"[]",
    ):
        for length in (len(header), 1 << 62, 0):
            content = length.to_bytes(8, "little") + header + b"\0\0\0\0"
            for read in (Mask.load, lambda path: import_mask(path, model)):
                assert check(read, tmp_path / "hostile.safetensors", content, lambda found: False)


def test_start_weights_that_are_not_finite(tmp_path):
    path = Mask({"b/kernel": np.eye(2)}, weights={"b/bias": np.array([np.nan, 1.0])}).save(
        tmp_path / "mask.safetensors"
    )
    with pytest.raises(ValueError, match="holds NaN or infinity"):
        Mask.load(path)


def test_files_without_a_checksum_are_read(tmp_path):
    from safetensors.numpy import save_file

    save_file({"b/kernel": np.eye(2, dtype=bool)}, tmp_path / "old.safetensors", metadata={"method": "old"})
    assert Mask.load(tmp_path / "old.safetensors").metadata == {"method": "old"}


def test_rewinding(model, mask):
    mask.rewind(model)
    np.testing.assert_array_equal(model.get_layer("a").bias, np.arange(4))
    before = model.get_weights()
    for weights in (
        None,
        {"a/bias": np.zeros(4), "b/bias": np.zeros(3)},
        {"a/bias": np.zeros(4), "c/bias": np.zeros(3)},
    ):
        with pytest.raises(ValueError):
            Mask(mask, weights=weights).rewind(model)
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
