"""Runs as they are read from folders and kept in one file."""

import json
import math
import re

import pytest

from tests.results.test_report import LAYERS, grid, run
from tfsparse.experiment import Experiment, RunFolder, run_experiment
from tfsparse.results import csv_text, load_runs, markdown_text, read_runs, save_runs, write_report


def test_the_sparsity_of_a_mask_file_is_the_masks_own(tmp_path):
    given = run("none", 0, 0.5, mask="a/mask.safetensors")
    given.metrics["sparsity"] = 0.5
    save_runs([given, run("none", 0, 0.5)], tmp_path / "runs.json")
    runs = read_runs([tmp_path / "runs.json"])[0]
    text, table = markdown_text(runs), csv_text(runs)
    assert "| a/mask.safetensors | 0.5 | none |" in text and "| erk | 0.9 | none |" in text
    assert ",a/mask.safetensors,0.5," in table and "a/mask.safetensors,0.9" not in text + table


def test_files_come_back(tmp_path):
    runs = grid()
    save_runs(runs, tmp_path / "runs.json")
    assert [one.name for one in load_runs(tmp_path / "runs.json")] == [one.name for one in runs]
    assert len((tmp_path / "runs.json").read_text().splitlines()) == len(runs) + 2
    assert read_runs([tmp_path / "runs.json"])[0][0].accuracy == pytest.approx(runs[0].accuracy, abs=1e-5)
    (tmp_path / "bad.json").write_text(json.dumps({"runs": [{"name": 1}]}))
    with pytest.raises(ValueError, match="no file of runs"):
        load_runs(tmp_path / "bad.json")


def test_a_run_counts_once(tmp_path):
    runs, grown = [run("none", 0, 2 / 3)], [run("none", 0, 2 / 3), run("none", 1, 0.7)]
    for name, kept in (("old", runs), ("new", grown), ("other", [run("none", 0, 0.6)])):
        save_runs(kept, tmp_path / f"{name}.json")
    assert [one.settings["seed"] for one in read_runs([tmp_path / "old.json", tmp_path / "new.json"])[0]] == [0, 1]
    with pytest.raises(ValueError, match="same settings, but not the same numbers"):
        read_runs([tmp_path / "old.json", tmp_path / "other.json"])
    save_runs([run("", 0, 0.6)], tmp_path / "spelled.json")
    with pytest.raises(ValueError, match="same settings, but not the same numbers"):
        read_runs([tmp_path / "old.json", tmp_path / "spelled.json"])


def test_an_unfinished_run_counts_once(tmp_path):
    RunFolder(tmp_path / "a" / "b").path.mkdir(parents=True)
    RunFolder(tmp_path / "a" / "b").write_flags(Experiment())
    runs, unfinished = read_runs([tmp_path, tmp_path / "a", tmp_path / "a" / ".." / "a" / "b"])
    assert not runs and [folder.resolve() for folder in unfinished] == [tmp_path / "a" / "b"]


def test_runs_behind_links_count_too(tmp_path):
    """Runs of several disks are gathered so, and were left out without a word."""
    folder = RunFolder(tmp_path / "disk" / "run")
    folder.path.mkdir(parents=True)
    folder.write_flags(Experiment())
    compared = tmp_path / "compared"
    compared.mkdir()
    (compared / "link").symlink_to(folder.path)
    (compared / "back").symlink_to(compared)
    assert read_runs([compared])[1] == [compared / "link"]


def test_runs_of_one_command_may_differ_in_what_they_cost(tmp_path):
    first, again = run("none", 0, 0.6), run("none", 0, 0.6)
    again.metrics.update(seconds=9.0, peak_memory_mb=900, files=["model.tflite"])
    again.history["seconds"] = [3.0, 2.0, 2.0, 2.0]
    for name, one in (("first", first), ("again", again)):
        save_runs([one], tmp_path / f"{name}.json")
    (found,), _ = read_runs([tmp_path / "first.json", tmp_path / "again.json"])
    assert found == first
    again.history["val_accuracy"][1] = 0.3
    save_runs([again], tmp_path / "again.json")
    with pytest.raises(ValueError, match="not the same numbers"):
        read_runs([tmp_path / "first.json", tmp_path / "again.json"])


def test_settings_are_kept_as_they_are(tmp_path):
    """Sparsities of repeated pruning have many digits, and are part of what runs are paired by."""
    save_runs([run("none", 0, 2 / 3, sparsity=1 - 0.8**10)], tmp_path / "runs.json")
    (kept,) = load_runs(tmp_path / "runs.json")
    assert kept.settings["sparsity"] == 1 - 0.8**10 and kept.accuracy == 0.66667


def test_what_is_not_a_number_equals_itself(tmp_path):
    one = run("none", 0, 0.5)
    one.history["val_loss"] = [0.1, math.nan, math.inf, 0.1]
    save_runs([one], tmp_path / "runs.json")
    assert len(read_runs([tmp_path / "runs.json", tmp_path / "runs.json"])[0]) == 1


def test_runs_from_before_there_was_a_setting(tmp_path):
    old, new = run("none", 0, 0.5), run("none", 1, 0.6)
    del old.settings["compact"]
    save_runs([old, new], tmp_path / "runs.json")
    assert markdown_text(load_runs(tmp_path / "runs.json")).count("0.5000 0.6000") == 1


@pytest.mark.parametrize("place", [0, 1])
def test_settings_of_another_version_are_refused(tmp_path, place):
    """Left out, runs that differ in them would be one; in the first run they ended in a KeyError, in a later one in nothing."""
    runs = [run("none", 0, 0.5), run("none", 1, 0.6)]
    runs[place].settings["dropout"] = 0.1
    save_runs(runs, tmp_path / "runs.json")
    with pytest.raises(
        ValueError, match=r"runs.json have settings that this version, .*, does not know: dropout. Read it"
    ):
        read_runs([tmp_path / "runs.json"])


@pytest.mark.parametrize(
    ("part", "name", "value", "message"),
    [
        ("metrics", "test_accuracy", "0.9", "test_accuracy of the run .* is no number"),
        ("metrics", "seconds", True, "seconds of the run"),
        ("metrics", "test_accuracy", math.nan, "the accuracy of the run .* is nan, which is not between 0 and 1"),
        ("metrics", "test_accuracy", 93.5, "the accuracy of the run .* is 93.5"),
        ("history", "val_accuracy", ["0.1", 0.2, 0.3, 0.4], "val_accuracy of the run"),
        ("settings", "seed", "1", "the setting seed is '1'"),
        ("settings", "learning_rate", None, "the setting learning_rate is None"),
    ],
)
def test_what_is_no_number_is_refused(tmp_path, part, name, value, message):
    save_runs([run("none", 0, 0.5)], tmp_path / "runs.json")
    kept = json.loads((tmp_path / "runs.json").read_text())
    kept["runs"][0][part][name] = value
    (tmp_path / "runs.json").write_text(json.dumps(kept))
    with pytest.raises(ValueError, match=rf"runs.json is no file of runs.*{message}"):
        load_runs(tmp_path / "runs.json")


@pytest.mark.parametrize(
    "layer",
    [
        {"total": 3, "outputs": 2},
        {"path": "a", "total": 3, "outputs": 2, "dead_outputs": 0},
        {**LAYERS[0], "total": 0},
        3,
    ],
)
def test_layers_must_be_whole(tmp_path, layer):
    save_runs([run("none", 0, 0.5)], tmp_path / "runs.json")
    kept = json.loads((tmp_path / "runs.json").read_text())
    kept["runs"][0]["layers"] = [layer]
    (tmp_path / "runs.json").write_text(json.dumps(kept))
    with pytest.raises(ValueError, match=r"runs.json is no file of runs.*a layer without a path, weights or channels"):
        load_runs(tmp_path / "runs.json")


def test_a_dense_run_has_no_sparsity():
    assert run("none", 0, 0.5, mask="none", sparsity=0.9).settings["sparsity"] == 0


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("metrics.json", ""),
        ("metrics.json", "[1]"),
        ("metrics.json", "{"),
        ("diagnosis.json", '{"layers": [{"path": "a"}]}'),
    ],
)
def test_a_damaged_file_is_named(tmp_path, file, text):
    RunFolder(tmp_path).write_flags(Experiment())
    (tmp_path / "metrics.json").write_text('{"test_accuracy": 0.5}')
    (tmp_path / file).write_text(text)
    with pytest.raises(ValueError, match=rf"{re.escape(str(tmp_path))}.* is damaged") as error:
        read_runs([tmp_path])
    assert str(error.value).count("is damaged") == 1, "one message inside another"


def test_run_folders_are_read(tmp_path):
    settings = {"model": "resnet8(width=0.25)", "mask": "erk", "batch_size": 256, "epochs": 1, "export": "none"}
    run_experiment(Experiment(output_dir=str(tmp_path), recipe="ghost_skips", run_name="a", **settings))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "flags.txt").write_text("--data=digits\n")
    (tmp_path / "b" / "mask.safetensors").write_bytes(b"found before it was killed")
    (tmp_path / "never").mkdir()  # failed before any work: a cell of a sweep that the report must not pass over
    (tmp_path / "never" / "flags.txt").write_text("--data=digits\n")
    (found,), unfinished = read_runs([tmp_path])
    assert found.name == "a" and [path.name for path in unfinished] == ["b", "never"]
    assert found.settings["recipe"] == "ghost_skips" and found.ghosts_until == 1
    assert len(found.history["val_accuracy"]) == 1 and found.metrics["peak_memory_mb"] > 100
    assert len(found.layers) == 10 and found.accuracy == found.metrics["test_accuracy"]
    write_report([found], tmp_path / "report.html", unfinished=unfinished)
    save_runs([found], tmp_path / "kept.json")
    assert read_runs([tmp_path, tmp_path / "kept.json"])[0] == [found]
    with pytest.raises(FileNotFoundError, match="no run folder"):
        read_runs([tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no flags\.txt"):
        read_runs([tmp_path / "empty"])
    with pytest.raises(ValueError, match=r"ends in \.html, got .*report\.md"):
        write_report([found], tmp_path / "report.md")
    with pytest.raises(ValueError, match="no finished run"):
        write_report([], tmp_path / "none.html")
