"""The Python in README and docs runs, each page from top to bottom."""

import pathlib
import re

import pytest

from tests.conformance import test_ingredients, test_models, test_options
from tests.conftest import make_model
from tfsparse.data import DATASETS
from tfsparse.export import EXPORTERS
from tfsparse.masks import METHODS, find_mask
from tfsparse.models import MODELS
from tfsparse.recipe import INGREDIENTS

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def python_in(page):
    """The code, each line at its number in the page: tracebacks, and TensorFlow's autograph, look it up there."""
    text = page.read_text(encoding="utf-8")
    code = re.compile(r"(?<=```python\n).*?(?=```)", re.DOTALL)
    lines = [""] * (text.count("\n") + 1)
    for block in code.finditer(text):
        first = text.count("\n", 0, block.start())
        lines[first : first + block[0].count("\n")] = block[0].splitlines()
    return "\n".join(lines) if any(lines) else ""


def assert_new_entries_conform(folder):
    """Whoever takes the page at its word finds the tests of `tests/conformance/` green."""
    test_models.test_every_model_goes_all_the_way("three_layers", folder)
    test_ingredients.test_an_ingredient_trains_and_leaves_nothing_behind("scaled_head")
    test_ingredients.test_an_ingredient_is_documented_and_says_what_it_needs("scaled_head")
    test_options.test_an_ingredient_refuses_it("scaled_head", "factor")
    test_options.test_a_model_refuses_it("three_layers", "width")
    test_options.test_a_mask_method_refuses_it("large_columns", "power")
    assert find_mask(make_model(), "large_columns", sparsity=0.5).sparsity == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("page", [page for page in PAGES if python_in(page)], ids=lambda page: page.name)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tables = [METHODS, MODELS, INGREDIENTS, EXPORTERS, DATASETS]
    before = [dict(table) for table in tables]
    scope = {"__name__": page.stem}
    try:
        exec(compile(python_in(page), str(page), "exec"), scope)
        if page.name == "adding.md":
            assert_new_entries_conform(tmp_path)
    finally:
        for table, entries in zip(tables, before, strict=True):
            table.clear()
            table.update(entries)
    if page.name == "README.md":
        assert scope["plain"].evaluate(scope["data"].test, return_dict=True, verbose=0)["accuracy"] > 0.8
        assert (tmp_path / "saved_models/digits.tflite").is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
