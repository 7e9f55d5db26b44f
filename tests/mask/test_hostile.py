"""Files made to do harm."""

import zipfile

import numpy as np
import pytest
import tf_keras as keras

from tests.mask.damage import npy, read_carefully
from tfsparse.mask import Mask, import_mask


@pytest.fixture(scope="module")
def model():
    return keras.Sequential([keras.layers.Conv2D(4, 3, input_shape=(8, 8, 3), name="a")])


def header(kind, shape):
    return f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"


BOOLEANS = header("|b1", "(4, 3, 3, 3)")
LONG_HEADER = b"\x93NUMPY\x02\x00" + (64 << 20).to_bytes(4, "little") + b" " * (64 << 20)

MEMBERS = {
    "more than its header says": [("a.npy", npy(BOOLEANS, bytes(64 << 20)))],
    "a bomb": [("a.npy", npy(header("|b1", f"({64 << 20},)"), bytes(64 << 20)))],
    "many small bombs": [(f"{i}.npy", npy(header("|b1", f"({1 << 20},)"), bytes(1 << 20))) for i in range(64)],
    "a header of gigabytes": [("a.npy", LONG_HEADER)],
    "claims much": [("a.npy", npy(header("<f8", "(9999999, 999999)"), b""))],
    "claims more": [("a.npy", npy(header("|b1", "(4, 3, 3, 30)"), bytes(108)))],
    "negative": [("a.npy", npy(header("|b1", "(-4, -27)"), bytes(108)))],
    "objects": [("a.npy", npy(header("|O", "(4, 3, 3, 3)"), b"cos\nabort\n(tR."))],
    "code": [("a.npy", npy("__import__('os').abort()", b""))],
    "deep": [("a.npy", npy("(" * 5000, b""))],
    "deep in another way": [("a.npy", npy("-" * 9000 + "1", b""))],
    "bytes that are no booleans": [("a.npy", npy(BOOLEANS, b"\x02" * 108))],
    "twice": [("a.npy", npy(BOOLEANS, bytes(108)))] * 2,
    "unknown version": [("a.npy", npy(BOOLEANS, bytes(108)).replace(b"NUMPY\x01", b"NUMPY\x07"))],
    "no arrays": [("readme.txt", b"hello")],
    "empty": [],
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", MEMBERS)
def test_archives(name, model, tmp_path):
    with zipfile.ZipFile(tmp_path / "made.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in MEMBERS[name]:
            archive.writestr(member, content)
    content = (tmp_path / "made.npz").read_bytes()
    assert read_carefully(lambda path: import_mask(path, model), tmp_path / "hostile.npz", content) is None


@pytest.mark.parametrize("kind", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_compressions_that_numpy_does_not_use(kind, model, tmp_path):
    with zipfile.ZipFile(tmp_path / "mask.npz", "w", kind) as archive:
        archive.writestr("a.npy", npy(BOOLEANS, bytes(108)))
    with pytest.raises(ValueError, match="compressed in a way that numpy does not use"):
        import_mask(tmp_path / "mask.npz", model)


def test_encrypted_members(model, tmp_path):
    path = tmp_path / "mask.npz"
    np.savez(path, a=np.zeros((4, 3, 3, 3), bool))
    content = path.read_bytes()
    place = content.index(b"PK\x01\x02") + 8  # the flags in the directory
    path.write_bytes(content[:place] + b"\x01" + content[place + 1 :])
    with pytest.raises(ValueError, match="is encrypted"):
        import_mask(path, model)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":{"dtype":"BOOL","shape":[4294967296,4294967296],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,99999999999]}}',
        b'{"a":{"dtype":"BF16","shape":[2,1],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":"F8_E5M2","shape":[4],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":"BOOL","shape":[0,4],"data_offsets":[0,0]},"b":{"dtype":"BOOL","shape":[4],"data_offsets":[0,4]}}',
        b'{"a":' * 3000,
        b"[]",
        b"null",
    ],
)
def test_headers(text, model, tmp_path):
    for length in (len(text), 1 << 62, (1 << 64) - 1, 0):
        content = length.to_bytes(8, "little") + text + b"\0\0\0\2"
        for read in (Mask.load, lambda path: import_mask(path, model)):
            assert read_carefully(read, tmp_path / "hostile.safetensors", content) is None


def test_a_type_that_numpy_lacks_says_what_to_do(tmp_path):
    text = b'{"a":{"dtype":"BF16","shape":[2,1],"data_offsets":[0,4]}}'
    (tmp_path / "mask.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(4))
    with pytest.raises(ValueError, match="'a' is of type BF16; save it as float32 or bool"):
        Mask.load(tmp_path / "mask.safetensors")
