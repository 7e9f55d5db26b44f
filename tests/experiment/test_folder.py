"""Run folders: what is refused before work starts, and that nothing is lost."""

import collections
import concurrent.futures
import dataclasses
import errno
import fcntl
import json
import pathlib
import shutil

import numpy as np
import pytest

from tests.conftest import make_mask
from tfsparse.data import load_data
from tfsparse.experiment import Experiment, RunFolder, open_run, run, run_experiment
from tfsparse.experiment import folder as folders
from tfsparse.models import build_model
from tfsparse.results import read_runs


def experiment(tmp_path, **settings):
    return Experiment(output_dir=str(tmp_path), run_name="run", export="none", **settings)


def finished(tmp_path, **settings):
    """A folder that looks like that of a finished run."""
    folder = RunFolder(tmp_path / "run")
    folder.make()
    folder.write_flags(experiment(tmp_path, **settings))
    folder.metrics.write_text(json.dumps({"test_accuracy": 0.5}))
    return folder


def test_a_finished_run_does_nothing(tmp_path):
    folder = finished(tmp_path)
    assert run_experiment(experiment(tmp_path)) == {"test_accuracy": 0.5}
    assert not folder.mask.exists()


def test_other_settings_in_the_same_folder_are_refused(tmp_path):
    finished(tmp_path)
    with pytest.raises(ValueError, match=r"sparsity=0.9, now 0.5.*--overwrite"):
        run_experiment(experiment(tmp_path, sparsity=0.5))


def test_a_run_that_was_refused_blocks_no_other_settings(tmp_path):
    wrong = experiment(tmp_path, mask="snip(batches=1000)", model="resnet8(width=0.25)")
    with pytest.raises(ValueError, match="1000 batches of 128 were asked for"):
        run_experiment(wrong)
    folder = RunFolder(tmp_path / "run")
    assert not folder.begun
    with pytest.raises(ValueError, match="2000 batches of 128"):
        run_experiment(dataclasses.replace(wrong, mask="snip(batches=2000)"))


@pytest.mark.parametrize("left", ["search", "mask.safetensors", "checkpoints", "diagnosis.json"])
def test_settings_of_a_run_that_left_work_are_kept(left, tmp_path):
    """Killed in its search, a run has a folder of rounds: it is known as a run, and goes on as it was."""
    folder = RunFolder(tmp_path / "run")
    folder.make()
    one = experiment(tmp_path, mask="imp(rounds=3)")
    folder.write_flags(one)
    with folder.locked():
        folder.check_settings(experiment(tmp_path))  # nothing is there but settings and lock
    (folder.path / left).mkdir()
    folder.check_owner()
    folder.check_settings(one)
    with pytest.raises(ValueError, match="with other settings: mask="):
        folder.check_settings(experiment(tmp_path))


def test_overwrite_deletes_nothing_when_the_data_are_missing(tmp_path):
    folder = finished(tmp_path, data="cifar10", data_dir=str(tmp_path / "data"))
    with pytest.raises(OSError, match="--download"):
        run_experiment(experiment(tmp_path, data="cifar10", data_dir=str(tmp_path / "data"), overwrite=True))
    assert folder.metrics.is_file()


def test_overwrite_deletes_nothing_when_the_mask_cannot_be(tmp_path):
    folder = finished(tmp_path)
    model = build_model("resnet8(width=0.25)", load_data("digits"))
    make_mask(model).save(tmp_path / "other.safetensors")
    make_mask(model).save(folder.path / "within.safetensors")
    settings = {"model": "resnet8(width=0.5)", "overwrite": True}
    for changes, message in (
        ({"mask": str(tmp_path / "other.safetensors")}, "Mask entry .* has shape"),
        ({"mask": str(folder.path / "within.safetensors")}, "--overwrite would delete .*: copy it to another place"),
        ({"exclude": "nosuch"}, "exclude='nosuch' is no prunable weight"),
    ):
        with pytest.raises(ValueError, match=message):
            run_experiment(experiment(tmp_path, **settings, **changes))
        assert folder.metrics.is_file()


def test_other_exports_of_a_finished_run_are_not_made_by_a_flag_that_comes_late(tmp_path, caplog):
    folder = finished(tmp_path)
    run_experiment(experiment(tmp_path, compact_export=False))
    assert f"Its files stay as they are: scripts/export.py --path={folder.path} --nocompact_export" in caplog.text


@pytest.mark.parametrize("flag", ["prunable", "exclude"])
def test_a_mask_file_says_itself_which_weights_it_is_for(flag, tmp_path):
    model = build_model("resnet8(width=0.25)", load_data("digits"))
    make_mask(model).save(tmp_path / "mask.safetensors")
    with pytest.raises(ValueError, match=f"--{flag}=conv is for masks that are looked for"):
        run_experiment(experiment(tmp_path, mask=str(tmp_path / "mask.safetensors"), **{flag: "conv"}))


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_somebody_elses_is_left_alone(tmp_path, overwrite):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match=r"holds 'thesis.txt' but no flags.txt"):
        run_experiment(experiment(tmp_path, overwrite=overwrite))
    assert (tmp_path / "run" / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("name", [".", "..", "a/b"])
def test_a_run_name_names_one_folder(tmp_path, name):
    with pytest.raises(ValueError, match="without separators"):
        run_experiment(Experiment(output_dir=str(tmp_path), run_name=name))


def test_overwrite_clears_a_run(tmp_path):
    folder = finished(tmp_path)
    (folder.path / "checkpoints").mkdir()
    folder.clear()
    assert not list(folder.path.iterdir())


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(OSError, match=r"Cannot write to .*run.*--output_dir"):
        run_experiment(experiment(tmp_path))


def test_a_full_disk(tmp_path, monkeypatch):
    usage = collections.namedtuple("usage", "total used free")(1 << 40, 1 << 40, 1 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OSError, match="Only 1 MiB are free"):
        run_experiment(experiment(tmp_path))


def test_a_folder_in_use(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.make()
    with folder.locked(), pytest.raises(RuntimeError, match="Another process is running"):
        run_experiment(experiment(tmp_path))


def test_a_file_system_without_locks(tmp_path, monkeypatch, caplog):
    def refuse(handle, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    folder = RunFolder(tmp_path / "run")
    folder.make()
    with folder.locked():
        assert "cannot be locked" in caplog.text and "No locks available" in caplog.text


def test_two_may_make_a_folder_at_once(tmp_path):
    def make(_):
        for _ in range(50):
            RunFolder(tmp_path / "run").make()

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(make, range(4)))
    assert not list((tmp_path / "run").iterdir())


@pytest.mark.parametrize(("mask", "lost"), [("erk", "flags.txt and mask.safetensors"), ("none", "flags.txt")])
def test_a_folder_deleted_during_its_run_is_an_error(mask, lost, tmp_path, monkeypatch):
    def delete(experiment, task, folder, strategy):
        shutil.rmtree(folder.path)
        return None, None

    monkeypatch.setattr(run, "trained_model", delete)
    with pytest.raises(RuntimeError, match=f"has lost {lost} while its run was training"):
        run_experiment(experiment(tmp_path, mask=mask))


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("runs[1]", r"'.*runs\[1\]/run' has \[ \] in its name, which TensorFlow takes for a pattern"),
        ("what?", r"has \? in its name"),
        ("gs://bucket/runs", "gs:/bucket/runs/run is an address: give a folder of this machine"),
    ],
)
def test_a_name_that_would_be_read_as_something_else_is_refused(tmp_path, monkeypatch, folder, message):
    """Trained to its end, a run found none of its checkpoints again; and what was meant for a bucket went to the disk."""
    monkeypatch.chdir(tmp_path)
    one = experiment(folder, mask="none", model="resnet8(width=0.25)")
    with pytest.raises(ValueError, match=message):
        run_experiment(one)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match=message):
        open_run(f"{folder}/run")


def test_flags_name_the_folder_that_they_lie_in(tmp_path):
    """A run in a folder that was given, or with a precision that was measured, was begun anew in another one."""
    folder = RunFolder(tmp_path / "mine" / "first")
    folder.make()
    folder.write_flags(Experiment(output_dir=str(tmp_path), mixed_precision="bfloat16"))
    assert RunFolder.of(Experiment.from_flagfile(folder.flags)).path == folder.path


def test_checkpoints_go_before_what_says_whose_they_are(tmp_path, monkeypatch):
    """Killed in the middle, a deletion left them to the next run."""
    folder, gone = finished(tmp_path), []
    for path in (folder.mask, folder.checkpoints, folder.path / "training.json"):
        path.write_text("")
    monkeypatch.setattr(folders, "remove", lambda path: (gone.append(path.name), path.unlink(missing_ok=True)))
    folder.clear()
    assert gone[:2] == ["checkpoints", "model.safetensors"] and not folder.flags.exists()


def test_equal_settings_are_one_run():
    given = Experiment(learning_rate=1, weight_decay=np.float64(0), epochs=np.int64(3), mask=pathlib.Path("m.npz"))
    assert given == Experiment(learning_rate=1.0, weight_decay=0.0, epochs=3, mask="m.npz")
    assert given.name == Experiment(learning_rate=1.0, weight_decay=0.0, epochs=3, mask="m.npz").name


def test_flags_bring_the_experiment_back(tmp_path):
    one = experiment(tmp_path, sparsity=0.95, download=True, augment="crop", learning_rate=0.05)
    folder = RunFolder(tmp_path / "run")
    folder.make()
    folder.write_flags(one)
    assert Experiment.from_flagfile(folder.flags) == one


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        (slice(0), "does not say data, model, mask"),
        (slice(7), "does not say recipe, epochs"),
        (slice(-1), "has no end"),
    ],
)
def test_flags_that_have_lost_lines_are_no_other_run(tmp_path, kept, message):
    """Read with today's defaults, they would give a run settings that it never had."""
    folder = finished(tmp_path, mask="erk")
    lines = folder.flags.read_text().splitlines(keepends=True)
    folder.flags.write_text("".join(lines[kept]) + ("--run_name=r" if kept.stop < 0 else ""))
    for read in (Experiment.from_flagfile, lambda path: open_run(path.parent), lambda path: read_runs([path.parent])):
        with pytest.raises(ValueError, match=rf"flags.txt is damaged: .*{message}"):
            read(folder.flags)


def test_a_switch_that_is_neither_is_no_false(tmp_path):
    folder = finished(tmp_path, mask="erk")
    folder.flags.write_text(folder.flags.read_text().replace("--deterministic=True", "--deterministic=true"))
    with pytest.raises(ValueError, match="flags.txt is damaged: --deterministic=true is neither True nor False"):
        Experiment.from_flagfile(folder.flags)


def test_the_name_says_what_decides():
    assert Experiment().name == Experiment(output_dir="elsewhere", download=True).name
    assert Experiment().name != Experiment(epochs=7).name


def test_the_name_of_a_run_with_a_mask_file_claims_no_sparsity():
    assert Experiment(mask="a/m.safetensors").name.startswith("digits-resnet20-a_m.safetensors-tost-seed0-")
    assert Experiment(mask="m.npz").name.startswith("digits-resnet20-m.npz-tost-seed0-")
    assert Experiment(mask="erk").name == "digits-resnet20-erk-s0.9-tost-seed0-a78d2cd3"
