"""Cells that share a mask and a precision: what they take from one another, and what stops none of them."""

import dataclasses
import json

import pytest

from tests.conftest import make_mask, make_model
from tests.sweep.test_sweep import experiment
from tfsparse.experiment import Experiment, RunFolder
from tfsparse.mask import Mask
from tfsparse.sweep import cells, groups, run_sweep
from tfsparse.sweep.group import share
from tfsparse.sweep.precision import in_one_precision


def test_cells_share_a_mask_and_a_failed_one_stops_no_other(tmp_path):
    grid = cells(experiment(tmp_path, mask="erk"), recipes=["none", "label_smoothing"])
    grid += cells(experiment(tmp_path, mask="erk", batch_size=4000))  # more than the training set has
    outcomes = run_sweep(grid)
    assert [outcome.state for outcome in outcomes] == ["finished", "finished", "failed"]
    assert "4000" in outcomes[2].reason and ".log" in outcomes[2].reason
    assert "0000 00:00" not in outcomes[2].reason, "what TensorFlow says at its start hides the error"
    first, second = (tmp_path / cell.name for cell in grid[:2])
    assert Mask.load(first / "mask.safetensors") == Mask.load(second / "mask.safetensors")
    logs = [(tmp_path / "logs" / f"{cell.name}.log").read_text() for cell in grid[:2]]
    assert "Finding a mask" in logs[0] and "Finding a mask" not in logs[1]
    assert (second / "diagnosis.json").is_file()
    numbers = json.loads((second / "metrics.json").read_text())
    assert outcomes[1].accuracy == numbers["test_accuracy"]


@pytest.mark.slow
def test_what_is_finished_gets_the_files_that_it_lacks(tmp_path):
    grid = cells(experiment(tmp_path, mask="erk"), recipes=["none", "label_smoothing"])
    run_sweep(grid)
    second = tmp_path / grid[1].name
    numbers = json.loads((second / "metrics.json").read_text())
    grid = [grid[0], dataclasses.replace(grid[1], export="tflite")]
    assert [outcome.state for outcome in run_sweep(grid)] == ["was finished", "finished"]
    assert (second / "model.tflite").is_file()
    assert json.loads((second / "metrics.json").read_text())["peak_memory_mb"] == numbers["peak_memory_mb"], (
        "of the training"
    )
    assert [outcome.state for outcome in run_sweep(grid)] == ["was finished"] * 2
    (front,) = cells(experiment(tmp_path, mask="erk"), recipes=["label_smoothing(amount=0.2)"])
    (second / "metrics.json").write_text("{")  # a damaged file stops no other cell
    assert [outcome.state for outcome in run_sweep([front, grid[1]])] == ["finished", "failed"]
    assert "Finding a mask" not in (tmp_path / "logs" / f"{front.name}.log").read_text(), "it stands behind"


@pytest.mark.slow
def test_a_cell_that_fails_again_says_nothing_of_the_first_attempt(tmp_path):
    large = cells(experiment(tmp_path, mask="erk", batch_size=4000))
    first, second = (run_sweep(large)[0].reason for _ in range(2))
    assert second.count("4000") == first.count("4000")


@pytest.mark.slow
def test_a_cell_whose_flags_or_mask_are_damaged_stops_no_other(tmp_path):
    """Nor is its mask given to them."""
    smoothings = [f"label_smoothing(amount={amount})" for amount in (0.1, 0.2)]
    grid = cells(experiment(tmp_path, mask="erk"), recipes=["none", *smoothings])
    folders = [RunFolder(tmp_path / cell.name) for cell in grid[:2]]
    for folder in folders:
        folder.make()
    folders[0].flags.write_text("")
    make_mask(make_model()).save(folders[0].mask)
    folders[1].write_flags(grid[1])
    folders[1].mask.write_bytes(b"")
    outcomes = run_sweep(grid)
    assert [outcome.state for outcome in outcomes] == ["failed", "failed", "finished"]
    assert "flags.txt" in outcomes[0].reason and "mask.safetensors" in outcomes[1].reason


def test_a_folder_that_is_somebodys_stops_no_other(tmp_path, caplog):
    """It was taken for a run's, or ended the whole sweep, as soon as another cell had a mask to share."""
    first, second, third, fourth = cells(
        experiment(tmp_path, mask="erk"),
        recipes=["none", "label_smoothing", "label_smoothing(amount=0.2)", "label_smoothing(amount=0.3)"],
    )
    donor = RunFolder(tmp_path / first.name)
    donor.make()
    donor.write_flags(first)
    make_mask(make_model()).save(donor.mask)
    donor.metrics.write_text('{"test_accuracy": 0.5}')
    (tmp_path / second.name).mkdir()
    (tmp_path / second.name / "thesis.tex").write_text("")
    (tmp_path / third.name).write_text("a file")
    (tmp_path / fourth.name / "flags.txt").mkdir(parents=True)
    outcomes = run_sweep([first, second, third, fourth])
    assert [outcome.state for outcome in outcomes] == ["was finished", "failed", "failed", "failed"]
    assert "thesis.tex" in outcomes[1].reason and third.name in outcomes[2].reason
    assert [path.name for path in (tmp_path / second.name).iterdir()] == ["thesis.tex"]
    assert "stay as they are" not in caplog.text
    run_sweep([dataclasses.replace(first, compact_export=False)])
    assert f"Its files stay as they are: scripts/export.py --path={donor.path} --nocompact_export" in caplog.text


def test_a_shared_mask_comes_with_the_precision_that_was_chosen(tmp_path):
    first, second = cells(experiment(tmp_path, mixed_precision="auto"), recipes=["none", "label_smoothing"])
    donor, folder = (RunFolder(tmp_path / cell.name) for cell in (first, second))
    donor.make()
    donor.write_flags(dataclasses.replace(first, mixed_precision="bfloat16"))  # what a run writes once it has measured
    donor.mask.write_bytes(b"mask")
    share(donor, folder, second)
    assert folder.mask.read_bytes() == b"mask"
    begun = dataclasses.replace(second, mixed_precision="bfloat16", run_name=second.name)
    assert Experiment.from_flagfile(folder.flags) == begun


def test_a_dense_cell_takes_the_precision_of_the_first(tmp_path):
    first, second = cells(
        experiment(tmp_path, mask="none", mixed_precision="auto"), recipes=["none", "label_smoothing"]
    )
    donor, folder = (RunFolder(tmp_path / cell.name) for cell in (first, second))
    donor.make()
    donor.write_flags(dataclasses.replace(first, mixed_precision="bfloat16"))
    begun = share(donor, folder, second)
    assert begun.mixed_precision == "bfloat16" and begun.name == second.name
    folder.history.write_text("epoch\n")
    folder.check_settings(begun)


def test_all_groups_take_the_precision_that_the_first_chose(tmp_path):
    """Measured for each mask, seeds of one cell could end in different precisions, and were not averaged."""
    grid = cells(experiment(tmp_path, mixed_precision="auto"), masks=["erk", "random"], seeds=[0, 1])
    grid += [dataclasses.replace(grid[0], model="resnet8(width=0.5)")]
    begun, ran = RunFolder(tmp_path / grid[2].name), []
    begun.make()
    begun.write_flags(dataclasses.replace(grid[2], mixed_precision="none"))
    begun.mask.write_bytes(b"")

    def run(parts, threads):
        for (cell,) in parts:
            ran.append(cell)
            if len(ran) == 1:
                RunFolder(tmp_path / cell.name).make()
                RunFolder(tmp_path / cell.name).write_flags(dataclasses.replace(cell, mixed_precision="bfloat16"))
            yield cell.name

    assert list(in_one_precision(run, groups(grid), None)) == [cell.name for cell in grid]
    assert [cell.mixed_precision for cell in ran] == ["auto", "bfloat16", "auto", "bfloat16", "auto"]
    given = [dataclasses.replace(grid[1], mixed_precision="bfloat16", run_name=ran[1].name), grid[3]]
    ran.clear()
    list(in_one_precision(run, groups(given), None))
    assert [cell.mixed_precision for cell in ran] == ["bfloat16", "auto"], "what was asked for one is no measurement"
