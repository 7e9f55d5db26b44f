"""A SavedModel serves where only TensorFlow is installed."""

import pathlib
import subprocess
import sys

import numpy as np
import tensorflow as tf

from tests.export.export_networks import data, keras_probabilities, network, pictures, sparse
from tfsparse.export import export_model

HIDDEN = ("tfsparse", "tf_keras", "tensorflow_model_optimization", "__editable__")


def bare_packages(folder):
    """A folder of links to all installed packages but those that the file must not need."""
    folder.mkdir()
    for entry in pathlib.Path(tf.__file__).parents[1].iterdir():
        if not entry.name.lower().replace("-", "_").startswith(HIDDEN) and entry.suffix != ".pth":
            (folder / entry.name).symlink_to(entry)
    return folder


def test_serves_in_plain_tensorflow(tmp_path):
    model = network()
    mask = sparse(model)
    path = export_model(model, "saved_model", tmp_path / "mine", mask=mask, data=data()).path
    np.save(tmp_path / "images.npy", pictures())
    script = tmp_path / "serve.py"  # elsewhere: the project itself must not be on the path
    script.write_text(pathlib.Path(__file__).with_name("bare_serve.py").read_text())
    environment = {"PYTHONPATH": str(bare_packages(tmp_path / "packages")), "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [sys.executable, "-S", str(script), str(path), str(tmp_path / "images.npy"), str(tmp_path / "out.npy")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "a,b,c,d"
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), keras_probabilities(model, pictures()), atol=1e-5)
