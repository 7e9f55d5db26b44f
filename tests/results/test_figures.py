"""Figures of reports, as what stands in their SVG."""

import re

from tests.results.test_report import grid, run
from tfsparse.results import comparisons, drawing, summaries, write_report
from tfsparse.results.accuracies import accuracy_by_recipe, accuracy_by_sparsity, series, several_sparsities
from tfsparse.results.plots import densities, gains, learning_curves

RECIPES = ["none", "tost", *(f"ghost_skips(share={share / 20:g})" for share in range(1, 16))]


def texts(picture):
    return [text.replace("\N{MINUS SIGN}", "-") for text in re.findall(r">([^<>]+)</t(?:ext|span)>", picture)]


def ticks(picture):
    """The numbers along the axes."""
    return [float(text) for text in texts(picture) if re.fullmatch(r"-?[\d.]+", text)]


def test_recipes_at_one_sparsity_have_a_row_each(tmp_path):
    """As points above one sparsity they lay upon one another, 17 of them in one colour."""
    runs = [run(recipe, seed, 0.5 + seed / 10) for recipe in RECIPES[::-1] for seed in (0, 1)]
    assert not several_sparsities(summaries(runs)) and several_sparsities(summaries(grid()))
    names = [text for text in texts(accuracy_by_recipe(summaries(runs))) if "erk" in text]
    assert len(names) == 17
    assert names[:2] == ["erk, 90 %, default protocol, n=2", "erk, 90 %, full recipe (tost), n=2"]
    write_report(runs, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "Accuracy by recipe" in page and "Accuracy against sparsity" not in page


def test_no_two_lines_against_sparsity_look_the_same():
    masks = [f"{number}.safetensors" for number in range(8)]
    one_mask = [run(recipe, 0, 0.5, "erk", sparsity) for recipe in RECIPES for sparsity in (0.9, 0.95)]
    for runs in (one_mask, [run(recipe, 0, 0.5, mask) for recipe in RECIPES[:6] for mask in masks]):
        styles = [style for _, _, style in series(summaries(runs))]
        assert (
            len(set(map(str, styles)))
            == len(styles)
            == len({(one.settings["mask"], one.settings["recipe"]) for one in runs})
        )


def test_no_sparsity_is_beyond_all(monkeypatch):
    monkeypatch.setattr(drawing, "svg", lambda figure: figure)
    found = summaries([run("none", 0, 0.5, sparsity=sparsity) for sparsity in (0.1, 0.5, 0.999)])
    assert accuracy_by_sparsity(found).axes[0].get_xlim()[1] == 100


def test_names_are_no_formulas():
    found = summaries(
        [run("none", 0, 0.5, mask="_$\\frac$.safetensors"), run("tost", 0, 0.5, mask="_$\\frac$.safetensors")]
    )
    for picture in (accuracy_by_sparsity(found), gains(comparisons(found)), densities(found[0].runs)):
        assert "_$\\frac$.safetensors" in picture


def test_long_recipes_are_written_in_lines():
    """In one they ran out of the picture, and the legend's second column with them."""
    recipe = (
        "ghost_neurons(share=0.25),ghost_skips(share=0.25, fill=0.0001),rescaled_init(min_scale=0.01),label_smoothing"
    )
    found = summaries([run("none", 0, 0.70), run(recipe, 0, 0.71)])
    for picture in (gains(comparisons(found)), learning_curves(found), accuracy_by_sparsity(found)):
        lines = re.findall(r">([^<>]+)</t(?:ext|span)>", picture)
        assert any("fill=0.0001" in line for line in lines) and max(map(len, lines)) < 60
