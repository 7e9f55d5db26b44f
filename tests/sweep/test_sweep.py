"""Sweeps: every cell a run of its own, masks shared, failures reported, killed and resumed."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.processes import run_script
from tfsparse.experiment import Experiment, RunFolder
from tfsparse.sweep import cells, executors, groups, run_sweep
from tfsparse.training import read_history

ROOT = pathlib.Path(__file__).resolve().parents[2]
TINY = {"model": "resnet8(width=0.25)", "batch_size": 256, "epochs": 1, "export": "none", "recipe": "none"}


def experiment(folder, **changes):
    return Experiment(output_dir=str(folder), **{**TINY, **changes})


def test_a_grid_has_every_combination_once():
    found = cells(Experiment(), masks=["none", "erk"], sparsities=[0.9, 0.95], recipes=["none", "tost"], seeds=[0, 1])
    assert len(found) == 2 * 2 * (1 + 2)
    assert len({cell.name for cell in found}) == len(found)
    shared = groups(found)
    assert all(len({(c.mask, c.sparsity, c.seed) for c in group}) == 1 for group in shared) and len(shared) == 6
    given = cells(Experiment(mask="m.safetensors", exclude="stem"), sparsities=[0.5, 0.95])
    assert [(cell.sparsity, cell.exclude) for cell in given] == [(0.9, "")], "a mask file has its own"
    assert cells(Experiment(), seeds=np.arange(2)) == cells(Experiment(), seeds=[0, 1])
    with pytest.raises(ValueError, match="run_name"):
        cells(Experiment(run_name="mine"))
    with pytest.raises(ValueError, match="leave --overwrite out"):
        cells(Experiment(overwrite=True))
    with pytest.raises(ValueError, match="must differ"):
        cells(Experiment(), seeds=[1, 1])


@pytest.mark.parametrize(
    ("choices", "same"),
    [
        ({"masks": ["none", "erk", "erk()"]}, "'erk' and 'erk()'"),
        ({"masks": ["snip(batches=1, rounds=2)", "snip( rounds=2 )"]}, "'snip( rounds=2 )' are the same"),
        ({"masks": ["a/m.safetensors", "a/../a/m.safetensors"]}, "'a/../a/m.safetensors' are the same"),
        ({"recipes": ["none", ""]}, "'none' and ''"),
        ({"recipes": ["ghost_skips,label_smoothing", "label_smoothing,ghost_skips"]}, "are the same"),
        ({"recipes": ["tost", "label_smoothing,rescaled_init,ghost_skips,ghost_neurons(share=0.1)"]}, "'tost' and"),
    ],
)
def test_one_experiment_in_two_spellings_is_one(choices, same):
    """Both would be trained, and compared with each other."""
    with pytest.raises(ValueError, match=rf"must differ: .*{re.escape(same)}"):
        cells(Experiment(), **choices)
    apart = {
        "masks": ["snip", "snip(rounds=2)", "snip(pattern='2:4')"],
        "recipes": ["ghost_skips", "ghost_skips(share=0.2)"],
    }
    assert len(cells(Experiment(), **apart)) == 6


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--masks=erk,snip"], "--masks=erk,snip is several: give --masks once for each"),
        (["--recipes=none,label_smoothing"], "give --recipes once for each"),
        (["--seeds=0.5"], "--seeds takes whole numbers separated by commas, got '0.5'"),
    ],
)
def test_several_of_what_is_given_one_by_one(flags, said, tmp_path):
    ended = run_script("sweep.py", f"--output_dir={tmp_path}", *flags)
    written = ended.stdout + ended.stderr
    assert ended.returncode == 1 and said in written and "Traceback" not in written, written


def test_wrong_settings_are_refused_before_any_cell_runs(tmp_path):
    with pytest.raises(ValueError, match="'synflow'"):
        run_sweep(cells(experiment(tmp_path), masks=["erk", "synflo"]))
    with pytest.raises(ValueError, match="'local'"):
        run_sweep(cells(experiment(tmp_path)), executor="locl")
    with pytest.raises(ValueError, match="2 cells of the sweep are named digits-.*: give each once"):
        run_sweep([experiment(tmp_path / "a"), experiment(tmp_path / "b")])
    with pytest.raises(ValueError, match="--strategy=multi_worker needs one on each worker"):
        run_sweep(cells(experiment(tmp_path, strategy="multi_worker")))
    assert not list(tmp_path.iterdir())


def start(folder, *flags):
    settings = [f"--{name}={value}" for name, value in TINY.items() if name != "recipe"]
    command = [sys.executable, str(ROOT / "scripts/sweep.py"), *settings, f"--output_dir={folder}", *flags]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for(condition, process, seconds=400):
    """Waits until `condition()` gives something; fails if the process ends first."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        if process.poll() is not None:
            raise AssertionError(process.stdout.read())
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"nothing happened: {process.communicate()[0]}")


def processes(text):
    """Process numbers of those whose command line holds `text`."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # gone meanwhile
            continue
        if text in line:
            found.append(int(entry.parent.name))
    return found


def test_killed_in_the_middle_it_goes_on(tmp_path):
    flags = ("--masks=erk", "--recipes=none", "--recipes=label_smoothing", "--epochs=3")
    process = start(tmp_path, *flags)
    (checkpoint, *_) = wait_for(lambda: list(tmp_path.glob("*/checkpoints/*.index")), process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    history = checkpoint.parents[1] / "history.csv"
    end = time.monotonic() + 30
    while processes(str(tmp_path)) and time.monotonic() < end:
        time.sleep(0.1)
    assert not processes(str(tmp_path)), "a cell outlived its sweep"
    before = read_history(history)
    again = start(tmp_path, *flags)
    output, _ = again.communicate(timeout=300)
    assert again.returncode == 0, output
    assert len(list(tmp_path.glob("*/metrics.json"))) == 2
    assert read_history(history)[: len(before)] == before, "the cell was begun anew: its epochs took other seconds"


def test_a_group_that_ray_lost(tmp_path):
    """Its finished cells were called failed, and the reason was the coloured name of a task."""
    errors = pytest.importorskip("ray.exceptions")
    one, other = cells(experiment(tmp_path, mask="erk"), recipes=["none", "label_smoothing"])
    RunFolder(tmp_path / one.name).make()
    RunFolder(tmp_path / one.name).metrics.write_text('{"test_accuracy": 0.5}')
    cause = FileNotFoundError("This machine has no folder.\nNone.")

    class Library:
        exceptions = errors

        def get(self):
            raise errors.RayTaskError("_whole_group", "a traceback", cause, "ray", 1, "ip").as_instanceof_cause()

    outcomes = executors._outcomes(Library, Library(), [one, other])
    assert [(found.state, found.accuracy) for found in outcomes] == [("finished", 0.5), ("failed", None)]
    assert outcomes[1].reason == "Ray: This machine has no folder."


@pytest.mark.slow
def test_ray_runs_a_cell_again_whose_worker_was_killed(tmp_path):
    pytest.importorskip("ray")
    flags = ("--executor=ray", "--masks=erk", "--recipes=none", "--seeds=0,1", "--epochs=4", "--threads=1")
    process = start(tmp_path, *flags)
    wait_for(lambda: list(tmp_path.glob("*/checkpoints/*.index")), process)
    (victim, *_) = wait_for(lambda: processes("ray::_whole_group"), process)
    os.kill(victim, signal.SIGKILL)
    output, _ = process.communicate(timeout=500)
    assert process.returncode == 0, output
    assert len(list(tmp_path.glob("*/metrics.json"))) == 2
