"""Runs whose mask is a file: the file may be gone, but not another one."""

import dataclasses
import json
import types

import pytest

from tests.conftest import make_mask, slow
from tfsparse.experiment import Experiment, RunFolder, check, check_search, run_experiment, search_mask
from tfsparse.mask import Mask, export_mask
from tfsparse.models import build_model
from tfsparse.sweep import cells, run_sweep

NETWORK = "resnet8(width=0.25)"


def make_net():
    return build_model(NETWORK, types.SimpleNamespace(input_shape=(32, 32, 3), num_classes=10))


def begun(tmp_path, file, mask, finished):
    """An experiment with a mask file, and a folder that looks as if its run had begun, or finished."""
    settings = {"model": NETWORK, "recipe": "none", "export": "none", "epochs": 1, "batch_size": 256}
    experiment = Experiment(output_dir=str(tmp_path), run_name="run", mask=str(tmp_path / file), **settings)
    folder = RunFolder(tmp_path / "run")
    folder.make()
    folder.write_flags(experiment)
    mask.save(folder.mask)
    if finished:
        folder.metrics.write_text(json.dumps({"test_accuracy": 0.5}))
    return experiment, folder


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_another_mask_in_the_file_is_refused(suffix, finished, tmp_path):
    model = make_net()
    experiment, folder = begun(tmp_path, f"mask{suffix}", make_mask(model), finished)
    before, other = folder.mask.read_bytes(), make_mask(model, seed=1)
    write = other.save if suffix == ".safetensors" else lambda path: export_mask(other, model, path)
    write(tmp_path / f"mask{suffix}")
    with pytest.raises(ValueError, match="mask file .* has changed since the run in .* began.*--overwrite"):
        run_experiment(experiment)
    assert folder.mask.read_bytes() == before


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_the_same_mask_written_again_is_no_change(suffix, tmp_path):
    model = make_net()
    mask = make_mask(model)
    experiment, _ = begun(tmp_path, f"mask{suffix}", mask, True)
    if suffix == ".npz":
        export_mask(mask, model, tmp_path / "mask.npz")
    else:
        Mask(dict(mask), {"found": "again"}).save(tmp_path / "mask.safetensors")
    assert run_experiment(experiment) == {"test_accuracy": 0.5}


def test_other_weights_to_start_from_are_a_change(tmp_path):
    mask = make_mask(make_net())
    experiment, _ = begun(tmp_path, "mask.safetensors", mask, True)
    Mask(dict(mask), weights={"classifier/bias": [0.0] * 10}).save(tmp_path / "mask.safetensors")
    with pytest.raises(ValueError, match="has changed"):
        run_experiment(experiment)


def test_the_log_claims_no_sparsity_that_the_mask_may_not_have(tmp_path, caplog):
    caplog.set_level("INFO", logger="tfsparse")
    model, file = make_net(), tmp_path / "mask.safetensors"
    mask = make_mask(model)
    mask.save(file)
    assert search_mask(Experiment(mask=str(file)), model, None, None) == mask
    assert caplog.messages[0] == f"Taking the mask in {file}."


@pytest.mark.parametrize("suffix", [".safetensors", slow(".npz")])
def test_without_the_file_a_run_goes_on_with_its_copy(suffix, tmp_path):
    mask = make_mask(make_net())
    experiment, folder = begun(tmp_path, f"gone{suffix}", mask, False)
    assert run_experiment(experiment)["live_weights"] == mask.live
    with pytest.raises(FileNotFoundError, match="No mask file"):
        run_experiment(dataclasses.replace(experiment, overwrite=True))
    assert folder.metrics.is_file()


@pytest.mark.slow
def test_a_sweep_tells_too(tmp_path):
    """The finished cell is not passed over, and its old mask not given to the next."""
    mask, file = make_mask(make_net()), tmp_path / "mask.safetensors"
    experiment, _ = begun(tmp_path, file.name, mask, True)
    grid = cells(dataclasses.replace(experiment, run_name=None), recipes=["none", "label_smoothing"])
    (tmp_path / "run").rename(tmp_path / grid[0].name)
    make_mask(make_net(), seed=1).save(file)
    outcomes = run_sweep(grid)
    assert [outcome.state for outcome in outcomes] == ["failed", "finished"]
    assert "has changed" in outcomes[0].reason
    assert Mask.load(tmp_path / grid[1].name / "mask.safetensors") == Mask.load(file)
    assert [outcome.state for outcome in run_sweep(grid[1:])] == ["was finished"]


def test_what_a_mask_file_is_for_it_says_itself(tmp_path):
    mask = make_mask(make_net())
    mask.save(tmp_path / "mask.safetensors")
    with pytest.raises(
        ValueError, match=r"--exclude=stem is for masks that are looked for.*mask\.safetensors says itself"
    ):
        check(Experiment(mask=str(tmp_path / "mask.safetensors"), model=NETWORK, exclude="stem"))


def test_without_the_file_of_its_allocation_a_run_goes_on_with_its_mask(tmp_path):
    mask = make_mask(make_net())
    experiment, folder = begun(tmp_path, "unused.safetensors", mask, False)
    experiment = dataclasses.replace(experiment, mask=f"random(allocation='{tmp_path}/gone.safetensors')")
    check(experiment, folder)
    for run, at in ((dataclasses.replace(experiment, overwrite=True), folder), (experiment, None)):
        with pytest.raises(FileNotFoundError, match="gone.safetensors"):
            check(run, at)


def test_a_search_that_goes_on_has_a_precision_that_stays():
    for mask in ("imp(rounds=2)", "none"):
        with pytest.raises(ValueError, match="mixed_precision=auto is measured anew at each start|no mask to find"):
            check_search(Experiment(mask=mask, mixed_precision="auto"))
    for mask, precision in (("imp(rounds=2)", "bfloat16"), ("snip", "auto"), ("mask.safetensors", "auto")):
        check_search(Experiment(mask=mask, mixed_precision=precision))
