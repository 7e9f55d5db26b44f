"""A run killed anywhere and started again with the same command ends with the numbers of one that was not killed."""

import json
import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest

from tests.experiment.dying_train import PLACES
from tfsparse.experiment import COSTS
from tfsparse.mask import Mask

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECIPE = "ghost_neurons(share=0.5),ghost_skips(share=0.5),label_smoothing,rescaled_init(iterations=2)"
FLAGS = ["--data=digits", "--model=resnet8(width=0.25)", "--batch_size=256", "--epochs=3", "--mask=synflow(rounds=5)"]
FLAGS += [f"--recipe={RECIPE}"]


def run(place, folder):
    command = [sys.executable, "-m", "tests.experiment.dying_train", place, "scripts/train.py", *FLAGS]
    command += [f"--output_dir={folder.parent}", f"--run_name={folder.name}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)


@pytest.mark.slow  # what of it is in CI: tests/experiment/test_resumed.py in one process, a sweep killed in tests/sweep
def test_killed_and_started_again_it_ends_with_the_same_numbers(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    ended = run("nowhere", whole)
    assert ended.returncode == 0, ended.stderr
    for place in PLACES:
        if place != "nowhere":
            died = run(place, killed)
            assert died.returncode == -signal.SIGKILL, f"{place}: {died.stderr}"
            final = {path.name for path in killed.iterdir()}
            assert {"mask": "mask.safetensors", "tflite": "model.tflite"}.get(place, "-") not in final
    ended = run("nowhere", killed)
    assert ended.returncode == 0, ended.stderr
    one, other = (json.loads((folder / "metrics.json").read_text()) for folder in (whole, killed))
    computed = one.keys() - COSTS
    assert one.keys() == other.keys() and {k: one[k] for k in computed} == {k: other[k] for k in computed}
    masks = [Mask.load(folder / "mask.safetensors") for folder in (whole, killed)]
    assert masks[0].metadata == masks[1].metadata
    assert all(np.array_equal(masks[0][name], masks[1][name]) for name in masks[0])
    assert (whole / "model.tflite").read_bytes() == (killed / "model.tflite").read_bytes()
    assert not list(killed.glob("*.unfinished")), "scratch files are left"
    again = run("nowhere", killed)
    assert again.returncode == 0 and "finished run" in again.stderr
