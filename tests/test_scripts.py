"""The scripts as a new user meets them: help, wrong flags, missing data; all before any work starts."""

import os
import pathlib
import subprocess
import sys

import pytest

from tfsparse.experiment import Experiment, check

ROOT = pathlib.Path(__file__).resolve().parents[1]


def run(script, *flags):
    command = [sys.executable, str(ROOT / "scripts" / script), *flags]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


def test_help_shows_every_flag_with_its_default():
    text = run("train.py", "--help").stdout
    choices = "<none|mirrored|multi_worker>"
    for expected in ("--sparsity", "0.9", "--recipe", "tost", "--mask", "--strategy", choices, "--[no]download"):
        assert expected in text, expected


@pytest.mark.parametrize(
    ("flag", "messages"),
    [
        ("--sparsty=0.9", ["--sparsty", "--sparsity"]),
        ("--sparsity=1.0", ["[0, 1)", "1.0"]),
        ("--sparsity=high", ["sparsity", "high"]),
        ("--strategy=mirored", ["mirored", "mirrored"]),
        ("--flagfile=configs/digit.flags", ["digit.flags", "relative"]),
        ("sparsity=0.5", ["sparsity=0.5", "--name=value"]),
    ],
)
def test_wrong_flags_are_refused_before_anything_runs(flag, messages, tmp_path):
    ended = run("train.py", f"--output_dir={tmp_path}/runs", flag)
    assert ended.returncode in (1, 2)
    for message in messages:
        assert message in ended.stderr.splitlines()[-1], ended.stderr
    assert not (tmp_path / "runs").exists(), "nothing may be written before the flags are right"


@pytest.mark.parametrize(
    ("setting", "messages"),
    [
        ({"mask": "synflo"}, ["synflo", "'synflow'"]),
        ({"mask": "synflow(round=5)"}, ["round", "'rounds'"]),
        ({"mask": "nowhere.safetensors"}, ["nowhere.safetensors"]),
        ({"model": "resnet210"}, ["resnet210", "'resnet20'"]),
        ({"recipe": "ghost_skip"}, ["ghost_skip", "'ghost_skips'"]),
        ({"recipe": "tost,none"}, ["none"]),
        ({"recipe": "ghost_skips(share=2)"}, ["share", "2"]),
        ({"data": "cifar"}, ["cifar", "cifar10"]),
        ({"schedule": "steps"}, ["'step'"]),
        ({"export": "tflight"}, ["'tflite'"]),
        ({"augment": "cropflip"}, ["'crop_flip'"]),
        ({"sparsity": -0.1}, ["[0, 1)", "-0.1"]),
        ({"epochs": 0}, ["--epochs", "at least 1"]),
        ({"learning_rate": float("nan")}, ["learning_rate"]),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_wrong_settings_are_refused_with_the_nearest_right_name(setting, messages):
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        check(Experiment(**setting))
    for message in messages:
        assert message in str(error.value)


def test_a_missing_data_set_names_the_command_that_gets_it(tmp_path):
    ended = run("train.py", "--data=cifar10", f"--data_dir={tmp_path}", f"--output_dir={tmp_path}/runs")
    assert ended.returncode == 1
    assert "--download" in ended.stderr
    ended = run("train.py", "--data=tiny_imagenet", f"--data_dir={tmp_path}", f"--output_dir={tmp_path}/runs")
    assert "tiny-imagenet-200" in ended.stderr and "--download" in ended.stderr


def test_a_batch_larger_than_the_data_is_refused(tmp_path):
    ended = run("train.py", "--data=digits", "--batch_size=5000", f"--output_dir={tmp_path}/runs")
    assert ended.returncode == 1 and "5000" in ended.stderr and "1297" in ended.stderr.replace(",", "")


@pytest.mark.parametrize("script", ["evaluate.py", "export.py"])
def test_a_path_that_is_not_there(script, tmp_path):
    ended = run(script, f"--path={tmp_path}/nothing", *(["--out=x.tflite"] if script == "export.py" else []))
    assert ended.returncode == 1 and "nothing" in ended.stderr
