"""Figures of reports, as what stands in their SVG."""

import dataclasses
import re

import pytest

from tests.results.test_report import grid, run
from tfsparse.results import comparisons, drawing, summaries, write_report
from tfsparse.results.accuracies import accuracy_by_recipe, accuracy_by_sparsity, series, several_sparsities
from tfsparse.results.curves import curves_of, learning_curves
from tfsparse.results.densities import densities
from tfsparse.results.gains import gains, span

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
    assert "Recipes not drawn: 9; their accuracies are in the tables below" in page


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


def test_learning_curves_show_no_more_than_can_be_told_apart():
    runs = [run(recipe, seed, 0.5) for recipe in RECIPES for seed in range(3 if recipe in RECIPES[-6:] else 1)]
    shown, left_out = curves_of(summaries([*runs, run("none", 1, 0.5)]))
    assert [one.recipe for one in shown] == ["none", "tost", *sorted(RECIPES[-6:])] and len(left_out) == 9
    names = texts(learning_curves(shown))
    assert "default protocol, 2 seeds" in names and "ghost_skips(share=0.75), 3 seeds" in names
    for recipe, colour in (("none", "#1c1c1c"), ("tost", "#0b6fb8")):
        assert colour in learning_curves([one for one in shown if one.recipe == recipe]), "its colour in every figure"


def test_learning_curves_mark_where_ghosts_leave():
    long, stay = run("ghost_skips", 0, 0.5), run("ghost_neurons", 0, 0.5)
    long.history["ghost_skips"], stay.history["ghost_skips"] = [0.9, 0.5, 0.0, 0.0], [1.0] * 4
    picture = learning_curves(
        summaries([run("none", 0, 0.5), run("tost", 0, 0.5), run("label_smoothing", 0, 0.5), long, stay])
    )
    assert re.findall("ghosts-leave-[0-9]+", picture) == ["ghosts-leave-3", "ghosts-leave-2"], "each epoch once"
    assert {number for number in ticks(picture) if number < 5} == {1, 2, 3, 4}, "there is no half epoch"


def test_the_axes_of_densities_hold_what_there_can_be():
    one = run("none", 0, 0.5)
    numbers = ticks(
        densities([dataclasses.replace(one, layers=[{**layer, "dead_outputs": 0} for layer in one.layers])])
    )
    assert numbers[:5] == [0, 0.1, 1, 10, 100] and (min(numbers), max(numbers)) == (0, 100)


def test_a_wide_interval_is_cut_off_and_a_single_pair_is_hollow():
    gained = {"tost": (0.01, 0.012, 0.014), "label_smoothing": (0.002, -0.05, 0.06), "ghost_skips": (0.02,)}
    runs = [run("none", seed, 0.7) for seed in range(3)]
    runs += [run(recipe, seed, 0.7 + more) for recipe, each in gained.items() for seed, more in enumerate(each)]
    found = comparisons(summaries(runs))
    low, high = span(found)
    assert (low, high) == (pytest.approx(-5, abs=0.5), pytest.approx(6, abs=0.5)), "the interval is of 27 points"
    picture = gains(found)
    assert "erk, 90 %, ghost_skips, n=1" in texts(picture) and "erk, 90 %, full recipe (tost), n=3" in texts(picture)
    assert picture.count("fill: #ffffff; stroke: #0b6fb8") == 1


def test_type_is_legible_on_a_phone():
    """A page of 400 pixels has 368 for a figure."""
    found = summaries(grid())
    pictures = [
        accuracy_by_sparsity(found),
        accuracy_by_recipe(found),
        gains(comparisons(found)),
        learning_curves(found[:4]),
    ]
    for picture in [*pictures, densities(found[0].runs)]:
        width = float(re.search(r'viewBox="0 0 ([\d.]+)', picture)[1])
        sizes = [float(size) for size in re.findall(r"font(?:-size)?: ([\d.]+)px", picture)]
        assert sizes and min(sizes) * 368 / width > 9


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
