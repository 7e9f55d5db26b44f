"""The Python in README and docs runs, each page from top to bottom."""

import pathlib
import re

import pytest

from tfsparse.data import DATASETS
from tfsparse.export import EXPORTERS
from tfsparse.masks import METHODS
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


@pytest.mark.parametrize("page", [page for page in PAGES if python_in(page)], ids=lambda page: page.name)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tables = [METHODS, MODELS, INGREDIENTS, EXPORTERS, DATASETS]
    before = [dict(table) for table in tables]
    scope = {"__name__": page.stem}
    try:
        exec(compile(python_in(page), str(page), "exec"), scope)
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
