"""LiteRT's sparse kernels run where the doctor says so: on an emulated processor without AVX, as on a phone's."""

import importlib.util
import pathlib
import shutil
import subprocess
import sys
import types

import numpy as np
import pytest

import tfsparse as ts
from tfsparse.export import load_exported
from tfsparse.mask import apply_mask

EMULATOR = shutil.which("qemu-x86_64")
UNITS = {"mean": (120.0,) * 3, "std": (60.0,) * 3, "image_dtype": "uint8"}
IMAGES = types.SimpleNamespace(input_shape=(32, 32, 3), num_classes=10, **UNITS)

pytestmark = [
    pytest.mark.skipif(EMULATOR is None, reason="qemu-x86_64 is missing (Debian: qemu-user)"),
    pytest.mark.skipif(importlib.util.find_spec("ai_edge_litert") is None, reason="ai-edge-litert is missing"),
]


def emulated(files, images, folder):
    """Probabilities that each file gives on a Nehalem, which has SSE 4.2 and no AVX."""
    np.save(folder / "images.npy", images)
    site = pathlib.Path(importlib.util.find_spec("ai_edge_litert").origin).parents[1]
    python = str(pathlib.Path(sys.executable).resolve())
    script = str(pathlib.Path(__file__).with_name("emulated.py"))
    command = [EMULATOR, "-cpu", "Nehalem", python, script, site, folder / "images.npy", folder / "out.npz", *files]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(folder / "out.npz") as found:
        return [found[str(number)] for number in range(len(files))]


@pytest.mark.parametrize(("name", "runs_sparse"), [("mobilenet_xnnpack", True), ("mobilenet", False)])
def test_sparse_kernels_run_and_agree_with_dense(name, runs_sparse, tmp_path):
    model = ts.build_model(f"{name}(width=0.25)", IMAGES)
    mask = ts.find_mask(model, "erk", sparsity=0.8, prunable="pointwise")
    apply_mask(model, mask)
    classifier = model.get_layer("classifier").kernel
    classifier.assign(classifier * 1e3)  # of an untrained network, whose probabilities are else all alike
    assert any(layer.old_x86 == "sparse" for layer in ts.doctor(model, mask).layers) == runs_sparse
    paths = [
        ts.export_model(model, f"tflite(sparse={sparse})", tmp_path / f"{sparse}", mask=mask, data=IMAGES).path
        for sparse in (True, False)
    ]
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype("uint8")
    sparse, dense = emulated(paths, images, tmp_path)
    assert np.ptp(dense) > 0.01, "the outputs would tell nothing"
    np.testing.assert_allclose(sparse, dense, atol=1e-5)
    np.testing.assert_allclose(dense, load_exported(paths[1])(images), atol=1e-4)
    # Sparse kernels add in another order: the last bits differ if, and only if, they ran.
    assert np.array_equal(sparse, dense) != runs_sparse
