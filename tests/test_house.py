"""The house rules that a machine can see: imports point down, files stay small, no Keras 3, no pickle."""

import ast
import dataclasses
import pathlib

import pytest

from tfsparse.experiment import Experiment

ROOT = pathlib.Path(__file__).resolve().parents[1]
MODULES = sorted((ROOT / "tfsparse").rglob("*.py"))

LEVELS = (
    {
        "registry",
        "task",
        "paths",
        "counterparts",
        "flags",
        "files",
        "graph",
        "version",
        "progress",
        "memory",
        "values",
        "_keras",
        "fused_norm",
        "batch_norm",
        "second_derivatives",
    },
    {"mask", "surgery", "frozen", "positive", "float32"},
    {"compaction"},
    {"masks", "recipe", "models", "data", "training", "export", "report", "diagnosis", "doctor"},
    {"experiment"},
    {"sweep", "results"},
)
LEVEL = {name: level for level, names in enumerate(LEVELS) for name in names}
# Below level 2 a part may use what stands further down the list of its own level.
MAY_USE_BESIDE = {
    ("task", "registry"),
    ("task", "values"),
    ("counterparts", "paths"),
    ("batch_norm", "fused_norm"),
    ("second_derivatives", "batch_norm"),
    ("graph", "paths"),
    ("graph", "counterparts"),
    ("data", "registry"),
    ("export", "diagnosis"),
}


def imports(path):
    """Dotted names of the tfsparse modules that a file imports, at its top and inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "tfsparse":
            names = [node.module] if node.module != "tfsparse" else [f"tfsparse.{alias.name}" for alias in node.names]
            yield from names
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "tfsparse")


def part(dotted):
    return dotted.split(".")[1] if "." in dotted else None


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent != ROOT / "tfsparse" or p.stem != "__init__"], ids=str)
def test_imports_point_down(path):
    own = path.relative_to(ROOT / "tfsparse").parts[0].removesuffix(".py")
    assert own in LEVEL, f"{own} has no level: give it one in tests/test_house.py"
    for dotted in imports(path):
        other = part(dotted)
        beside = LEVEL[other] == LEVEL[own] and (own, other) in MAY_USE_BESIDE
        assert other == own or LEVEL[other] < LEVEL[own] or beside, f"{path.name} imports {dotted}"


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_files_are_small(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 160, "one concept a file"


@pytest.mark.parametrize("path", [*MODULES, *sorted((ROOT / "scripts").glob("*.py"))], ids=str)
def test_no_keras_3_and_nothing_loads_data_as_code(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        assert not {"pickle", "keras", "tensorflow.keras"} & set(names), names
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec"), "a string would run"


def test_every_setting_is_explained():
    for field in dataclasses.fields(Experiment):
        assert field.metadata["help"].endswith("."), field.name
