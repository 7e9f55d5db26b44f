"""The grids that are kept in configs/sweeps are grids that can be run."""

import dataclasses
import pathlib
import re

import pytest

from tfsparse.experiment import Experiment, check
from tfsparse.sweep import cells

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "configs/sweeps").glob("*.flags"))
KINDS = {field.name: type(field.default) for field in dataclasses.fields(Experiment)}


def read(file):
    """(settings, the four axes) as scripts/sweep.py reads them."""
    settings, axes = {}, {"masks": [], "recipes": []}
    for name, value in re.findall(r"^--(\w+)=(.*)$", file.read_text(), re.M):
        if name == "flagfile":
            settings, axes = read(ROOT / value)
        elif name in axes:
            axes[name].append(value)
        elif name in ("sparsities", "seeds"):
            axes[name] = [float(number) if name == "sparsities" else int(number) for number in value.split(",")]
        else:
            settings[name] = value if KINDS[name] is type(None) else KINDS[name](value)
    return settings, axes


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_cell_of_the_grid_is_an_experiment(file, tmp_path):
    settings, axes = read(file)
    grid = cells(Experiment(**{**settings, "output_dir": str(tmp_path)}), **axes)
    assert len(grid) == len({cell.name for cell in grid}) >= 2
    for cell in grid:
        check(cell)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_command_in_the_comment_names_the_file(file):
    named = re.findall(r"--flagfile=(\S+)", file.read_text())
    assert f"configs/sweeps/{file.name}" in named and all((ROOT / path).is_file() for path in named)
