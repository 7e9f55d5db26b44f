"""The scripts as a new user meets them: help, wrong flags, missing data; all before any work starts."""

import re
import types

import numpy as np
import pytest

from tests.conftest import make_mask
from tests.processes import ROOT, run_script
from tfsparse.experiment import Experiment, RunFolder, check
from tfsparse.mask import Mask
from tfsparse.models import build_model


def test_help_shows_every_flag_with_its_default():
    text = run_script("train.py", "--help").stdout
    choices = "<none|mirrored|multi_worker|tpu>"
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
    ended = run_script("train.py", f"--output_dir={tmp_path}/runs", flag)
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
        ({"model": "resnet-20"}, ["resnet-20", "'resnet20'"]),
        ({"augment": "crop-flip"}, ["'crop_flip'"]),
        ({"recipe": "ghost_skip"}, ["ghost_skip", "'ghost_skips'"]),
        ({"recipe": "tost,none"}, ["none"]),
        ({"export": "tflite,tflite(sparse=False)"}, ["model.tflite", "more than once"]),
        ({"recipe": "ghost_skips(share=2)"}, ["share", "2"]),
        ({"data": "cifar"}, ["cifar", "cifar10"]),
        ({"data": "cifar10(images=5000)"}, ["'images'", "train=None"]),
        ({"schedule": "steps"}, ["'step'"]),
        ({"schedule": "step(drops=(80,120))"}, ["(80, 120)", "0.5 for half"]),
        ({"schedule": "step(drops=0.5)"}, ["rising shares", "0.5"]),
        ({"export": "tflight"}, ["'tflite'"]),
        ({"augment": "cropflip"}, ["'crop_flip'"]),
        ({"sparsity": -0.1}, ["[0, 1)", "-0.1"]),
        ({"seed": -1}, ["--seed must", "-1"]),
        ({"seed": 1 << 32}, ["--seed must"]),
        ({"epochs": 0}, ["--epochs", "at least 1"]),
        ({"learning_rate": float("nan")}, ["learning_rate"]),
        ({"learning_rate_scaling": "lin"}, ["--learning_rate_scaling", "'linear'", "'lin'"]),
        ({"mixed_precision": None}, ["--mixed_precision", "'bfloat16'", "None"]),
        ({"output_dir": ""}, ["--output_dir is empty"]),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_wrong_settings_are_refused_with_the_nearest_right_name(setting, messages):
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        check(Experiment(**setting))
    for message in messages:
        assert message in str(error.value)


def test_a_missing_data_set_names_the_command_that_gets_it(tmp_path):
    ended = run_script("train.py", "--data=cifar10", f"--data_dir={tmp_path}", f"--output_dir={tmp_path}/runs")
    assert ended.returncode == 1
    assert "--download" in ended.stderr
    ended = run_script("train.py", "--data=tiny_imagenet", f"--data_dir={tmp_path}", f"--output_dir={tmp_path}/runs")
    assert "tiny-imagenet-200" in ended.stderr and "--download" in ended.stderr


def test_a_batch_larger_than_the_data_is_refused(tmp_path):
    ended = run_script("train.py", "--data=digits", "--batch_size=5000", f"--output_dir={tmp_path}/runs")
    assert ended.returncode == 1 and "5000" in ended.stderr and "1297" in ended.stderr.replace(",", "")


@pytest.mark.parametrize("script", ["evaluate.py", "export.py"])
def test_a_path_that_is_not_there(script, tmp_path):
    ended = run_script(script, f"--path={tmp_path}/nothing", *(["--out=x.tflite"] if script == "export.py" else []))
    assert ended.returncode == 1 and "nothing" in ended.stderr


def test_the_doctor_comes_before_training(tmp_path):
    flags = ["--doctor", "--data=digits", "--model=resnet8(width=0.25)", "--mask=erk", "--sparsity=0.9"]
    ended = run_script("export.py", *flags)
    assert ended.returncode == 0, ended.stderr
    for expected in ("ARM: 0 of 10 kernels run sparse", "are dead and will be taken out", "bytes dense", "stem/conv"):
        assert expected in ended.stdout, ended.stdout
    # Into a pipe rows are whole, and sizes say what they leave out.
    for path in ("stage2/block0/shortcut/conv/kernel", "stage3/block0/shortcut/conv/kernel"):
        assert re.search(f"{path} .*dense .*dense .*dense ", ended.stdout), ended.stdout
    assert re.search(r"^tflite: about [\d,]+ bytes dense, [\d,]+ sparse, weights alone$", ended.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "FILE IMAGE"),
        (["nothing.tflite", "a.png"], "no exported model"),
        (["README.md", "a.png"], "of no exported format"),
    ],
)
def test_predict_says_what_it_lacks(arguments, message):
    ended = run_script("predict.py", *arguments)
    assert ended.returncode == 1 and message in ended.stderr


def test_the_home_folder_in_flags_and_flagfiles(tmp_path, monkeypatch):
    """The shell expands no ~ that follows a =, and a folder of that name is not what anybody wants."""
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "runs" / "run"
    (tmp_path / "my.flags").write_text("--output_dir=~/runs\n--run_name=run\n--mask=~/mask.npz\n")
    ended = run_script("train.py", "--flagfile=~/my.flags")
    assert f"{tmp_path}/mask.npz" in ended.stderr and not (ROOT / "~").exists(), ended.stderr
    ended = run_script("evaluate.py", "--path=~/runs/run")
    assert ended.returncode == 1 and str(folder) in ended.stderr, ended.stderr
    ended = run_script("sweep.py", "--masks=erk", "--masks=~/mask.npz", "--output_dir=~/runs")
    assert f"{tmp_path}/mask.npz" in ended.stderr, ended.stderr
    folder.mkdir(parents=True)
    RunFolder(folder).write_flags(Experiment(output_dir="~/runs"))
    assert Experiment.from_flagfile(RunFolder(folder).flags).output_dir == str(tmp_path / "runs")


def test_find_mask_shows_and_writes_what_is_left(tmp_path):
    out = tmp_path / "mask.safetensors"
    flags = ["--data=digits", "--model=resnet8(width=0.25)", "--mask=synflow(rounds=3)", f"--out={out}"]
    ended = run_script("find_mask.py", *flags)
    assert ended.returncode == 0, ended.stderr
    for expected in ("dead in", "on a path", "MFLOPs", "effective sparsity", "classifier/kernel"):
        assert expected in ended.stdout, ended.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"mask.safetensors", "mask.json", "mask.png"}
    ended = run_script("find_mask.py", *flags[:-1], f"--out={tmp_path}/mask.json")
    assert ended.returncode == 1 and "name ends in .safetensors" in ended.stderr


@pytest.mark.parametrize(
    ("script", "flag", "file", "others"),
    [
        ("find_mask.py", "--out", "mask.safetensors", []),
        ("report.py", "--out", "report.html", ["nowhere"]),
        ("report.py", "--json", "runs.json", ["nowhere"]),
        ("sanity_check.py", "--out", "sanity.json", []),
        ("convert_mask.py", "--out", "mask.safetensors", ["--path=nowhere.npz"]),
        ("export.py", "--out", "model.tflite", ["--path=nowhere"]),
    ],
)
def test_what_cannot_be_written_is_found_out_before_the_work(script, flag, file, others, tmp_path):
    """It was after it, in a message that named another file than the user had."""
    (tmp_path / "taken").write_text("a file, where a folder is needed")
    ended = run_script(script, f"--out={tmp_path}/report.html", f"{flag}={tmp_path}/taken/{file}", *others)
    assert ended.returncode == 1
    assert f"Cannot write to {tmp_path}/taken (" in ended.stderr and f"another place with {flag}" in ended.stderr


def test_a_report_takes_the_place_of_nothing_else(tmp_path):
    """A folder `report.csv` was deleted with all that was in it."""
    (tmp_path / "report.csv").mkdir()
    (tmp_path / "report.csv" / "kept.txt").write_text("")
    for flags, said in (
        ([f"--out={tmp_path}/report.html"], "report.csv is a folder"),
        ([f"--out={tmp_path}"], "is a folder: give the name of a file"),
        ([f"--out={tmp_path}/other.html", f"--json={tmp_path}/other.md"], "is a file of the report itself"),
    ):
        ended = run_script("report.py", *flags, "nowhere")
        assert ended.returncode == 1 and said in ended.stderr.splitlines()[-1], ended.stderr
    assert (tmp_path / "report.csv" / "kept.txt").is_file()


def test_the_settings_of_a_run_are_its_own():
    """They were accepted, and changed nothing."""
    ended = run_script(
        "export.py", "--path=nowhere", "--out=a.tflite", "--sparsity=0.5", "--data_dir=x", "--nocompact_export"
    )
    assert ended.returncode == 1 and ended.stderr.splitlines()[-1].startswith("--sparsity: a run has its own settings.")


def test_masks_go_to_pytorch_and_back(tmp_path):
    model = build_model("resnet20(width=0.25)", types.SimpleNamespace(input_shape=(32, 32, 3), num_classes=4))
    mask = make_mask(model)
    ours, theirs, again = (tmp_path / name for name in ("ours.safetensors", "theirs.npz", "again.safetensors"))
    mask.save(ours)
    (tmp_path / "names.json").write_text('{"fc.weight": "classifier/kernel"}')
    network = ("--model=resnet20(width=0.25)", "--input_shape=32,32,3", "--num_classes=4")
    renamed = (f"--names={tmp_path}/names.json", "--to_pytorch")
    there = run_script("convert_mask.py", f"--path={ours}", f"--out={theirs}", *network, *renamed)
    assert there.returncode == 0, there.stderr
    back = run_script("convert_mask.py", f"--path={theirs}", f"--out={again}", *network)
    assert back.returncode == 0, back.stderr
    assert Mask.load(again) == mask
    for output in (there.stdout, back.stdout):
        assert "fc.weight" in output and "4x16" in output and "transposed" in output


def test_names_in_a_mask_file_are_no_markup(tmp_path):
    """A closing tag ended in a traceback, and an opening one was not shown."""
    shapes = {"net[/x].weight": (4, 16), "net[bold].bias": (7,)}
    np.savez(tmp_path / "theirs.npz", **{name: np.ones(shape, bool) for name, shape in shapes.items()})
    network = ("--model=resnet20(width=0.25)", "--input_shape=32,32,3", "--num_classes=4")
    ended = run_script("convert_mask.py", f"--path={tmp_path}/theirs.npz", f"--out={tmp_path}/o.safetensors", *network)
    assert ended.returncode == 0, ended.stderr
    assert "net[/x].weight" in ended.stdout and "net[bold].bias" in ended.stdout


def test_masks_that_cannot_be_converted(tmp_path):
    (tmp_path / "theirs.pt").write_bytes(b"")
    network = ("--input_shape=32,32,3", "--num_classes=4", f"--out={tmp_path}/out.safetensors")
    for path, message in (("theirs.pt", "a program, which is not run here"), ("nowhere.npz", "No mask file")):
        ended = run_script("convert_mask.py", f"--path={tmp_path}/{path}", *network)
        assert ended.returncode == 1 and message in ended.stderr.splitlines()[-1]
