"""Nothing half-written stands under its name, and nothing whole is lost."""

import os

import pytest

from tfsparse.experiment import RunFolder
from tfsparse.files import check_out, written_aside


def folder(path, text):
    path.mkdir(parents=True)
    (path / "file").write_text(text)
    return path


def write(path, text):
    with written_aside(path) as scratch:
        folder(scratch, text)


def test_a_folder_is_replaced_whole(tmp_path):
    folder(tmp_path / "x", "old")
    write(tmp_path / "x", "new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"] and (tmp_path / "x/file").read_text() == "new"


def test_what_fails_leaves_the_old_one(tmp_path):
    old = folder(tmp_path / "x", "old")
    with pytest.raises(RuntimeError), written_aside(old):
        raise RuntimeError
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"] and (old / "file").read_text() == "old"


def test_a_swap_that_was_killed_in_the_middle_loses_nothing(tmp_path):
    folder(tmp_path / "x.replaced", "old")
    folder(tmp_path / "x.unfinished", "new")
    with pytest.raises(RuntimeError), written_aside(tmp_path / "x"):
        raise RuntimeError
    assert (tmp_path / "x/file").read_text() == "old"
    folder(tmp_path / "x.replaced", "older")  # killed after the swap: the new one has the name
    write(tmp_path / "x", "newest")
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"] and (tmp_path / "x/file").read_text() == "newest"


def test_a_rename_that_fails_gives_the_name_back(tmp_path, monkeypatch):
    old, rename = folder(tmp_path / "x", "old"), os.replace

    def refused(source, target):
        if str(source).endswith(".unfinished"):
            raise OSError("no")
        rename(source, target)

    monkeypatch.setattr(os, "replace", refused)
    with pytest.raises(OSError, match="no"):
        write(old, "new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"] and (old / "file").read_text() == "old"


def test_a_file_takes_the_place_of_no_folder(tmp_path):
    """`--out=saved_models` would have put a table of numbers in the place of all runs."""
    kept = folder(tmp_path / "x", "years of work")
    with pytest.raises(ValueError, match=r"--out=.*x is a folder: give the name of a file"):
        check_out(kept, "--out")
    check_out(kept, "--out", may_be_folder=True)
    check_out(tmp_path / "new" / "a.json", "--out")
    with pytest.raises(IsADirectoryError, match="a file would replace all"), written_aside(kept) as scratch:
        scratch.write_text("numbers")
    assert (kept / "file").read_text() == "years of work" and not list((tmp_path / "new").iterdir())
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["new", "x"]


def test_of_a_link_only_the_link_is_deleted(tmp_path):
    """Checkpoints on another disk, as on clusters: the deletion of a run stopped half way, again and again."""
    disk = folder(tmp_path / "disk", "kept")
    (tmp_path / "x").symlink_to(disk)
    write(tmp_path / "x", "new")
    assert (tmp_path / "x/file").read_text() == "new" and (disk / "file").read_text() == "kept"
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoints").symlink_to(disk)
    RunFolder(tmp_path / "run").clear()
    assert not list((tmp_path / "run").iterdir()) and (disk / "file").read_text() == "kept"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["disk", "run", "x"]
