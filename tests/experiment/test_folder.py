"""Run folders: what is refused before work starts, and that nothing is lost."""

import collections
import json
import shutil

import pytest

from tfsparse.experiment import Experiment, RunFolder, run_experiment


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


def test_overwrite_deletes_nothing_when_the_data_are_missing(tmp_path):
    folder = finished(tmp_path, data="cifar10", data_dir=str(tmp_path / "data"))
    with pytest.raises(OSError, match="--download"):
        run_experiment(experiment(tmp_path, data="cifar10", data_dir=str(tmp_path / "data"), overwrite=True))
    assert folder.metrics.is_file()


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


def test_flags_bring_the_experiment_back(tmp_path):
    one = experiment(tmp_path, sparsity=0.95, download=True, augment="crop", learning_rate=0.05)
    folder = RunFolder(tmp_path / "run")
    folder.make()
    folder.write_flags(one)
    assert Experiment.from_flagfile(folder.flags) == one


def test_the_name_says_what_decides():
    assert Experiment().name == Experiment(output_dir="elsewhere", download=True).name
    assert Experiment().name != Experiment(epochs=7).name
