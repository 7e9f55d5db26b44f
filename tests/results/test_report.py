"""Reports: numbers by hand, and the page in a real browser."""

import dataclasses
import json
import re
import shutil
import subprocess

import pytest

from tfsparse.experiment import Experiment
from tfsparse.results import (
    Run,
    comparisons,
    confirmed,
    csv_text,
    markdown_text,
    summaries,
    unlike,
    write_report,
)
from tfsparse.results.curves import learning_curves
from tfsparse.results.densities import densities
from tfsparse.results.tables import ablation_rows, cost_rows, difference_rows, leaving_rows

BROWSER = shutil.which("chromium")
LAYERS = [{"path": f"conv{i}/kernel", "live": 10 + i, "total": 100, "dead_outputs": i, "outputs": 8} for i in range(4)]


def run(recipe, seed, accuracy, mask="erk", sparsity=0.9):
    settings = {**Experiment(mask=mask, sparsity=sparsity, recipe=recipe, seed=seed).deciding(), "epochs": 4}
    history = {"epoch": [1, 2, 3, 4], "seconds": [2.0, 2.0, 1.0, 1.0], "val_accuracy": [0.1, 0.2, 0.3, accuracy]}
    if recipe != "none":
        history["ghost_skips"] = [0.5, 0.0, 0.0, 0.0]
    metrics = {"test_accuracy": accuracy, "seconds": 6.0, "sparsity": sparsity, "peak_memory_mb": 800}
    return Run(f"{mask}-{sparsity}-{recipe}-{seed}", settings, metrics, history, LAYERS)


def grid():
    gains = {"none": 0.0, "tost": 0.02, "ghost_skips": 0.01, "ghost_neurons,rescaled_init,label_smoothing": 0.005}
    return [
        run(recipe, seed, 0.8 - sparsity / 10 + gain * (1 + seed) + 0.001 * seed, mask, sparsity)
        for mask in ("erk", "synflow")
        for sparsity in (0.9, 0.98)
        for recipe, gain in gains.items()
        for seed in (0, 1, 2)
    ]


def test_means_spreads_and_paired_differences():
    runs = [run("none", 0, 0.70), run("none", 1, 0.72), run("tost", 0, 0.73), run("tost", 1, 0.73), run("tost", 2, 0.9)]
    plain, tost = summaries(runs)
    assert (plain.recipe, tost.recipe) == ("none", "tost")
    assert plain.mean == pytest.approx(0.71) and plain.spread == pytest.approx(0.0141421, abs=1e-6)
    (found,) = comparisons([plain, tost])
    assert found.differences == {0: pytest.approx(0.03), 1: pytest.approx(0.01)}  # seed 2 has no partner
    assert found.mean == pytest.approx(0.02)
    assert found.interval is None, "two pairs have no spread to speak of"
    (found,) = comparisons(summaries([*runs, run("none", 2, 0.88)]))
    low, high = found.interval  # t of two degrees of freedom is 4.3027, the standard error 0.01 / sqrt(3)
    assert (low, high) == (pytest.approx(0.02 - 0.02484, abs=1e-4), pytest.approx(0.02 + 0.02484, abs=1e-4))
    assert runs[2].ghosts_until == 2 and runs[0].ghosts_until == 0
    runs[2].history["ghost_skips"] = [1.0] * 4  # constant ghosts stay to the end, and no longer
    assert runs[2].ghosts_until == 4


def test_tables_hold_every_run():
    runs = grid()
    lines = csv_text(runs).splitlines()
    assert len(lines) == 1 + len(runs) and "peak_memory_mb" in lines[0]
    text = markdown_text(runs)
    assert text.count("| digits | resnet20 | erk | 0.9 | tost |") == 4  # accuracy, difference, leaving, cost
    assert "| digits | resnet20 | erk | 0.9 | tost | 3 | 0.7110 | 0.7510 | +4.00 |" in text
    assert "| digits | resnet20 | erk | 0.9 | tost | 2 | 0.1000 | 0.2000 | 0.3000 |" in text


def test_two_pairs_are_shown_as_they_are():
    runs = [run(recipe, seed, value) for recipe, seed, value in (("none", 0, 0.7), ("none", 1, 0.7), ("tost", 0, 0.73))]
    header, rows = difference_rows(summaries([*runs, run("tost", 1, 0.69)]))
    assert dict(zip(header[-5:], rows[0][-5:], strict=True)) == {
        "points gained": "+1.00",
        "95 % from": "",
        "95 % to": "",
        "pairs won": 1,
        "by seed": "+3.00 -1.00",
    }


def test_tables_without_rows_are_left_out():
    text = markdown_text([run("none", 0, 0.5)])
    assert re.findall("^### (.*)", text, re.M) == ["Accuracy", "Time and memory"]


def test_the_ablation_knows_parts_by_their_options():
    other = [run("ghost_skips(share=0.25)", seed, 0.1) for seed in (0, 1, 2)]
    header, rows = ablation_rows(summaries(grid() + other))
    assert header[-4:] == ["gained alone", "pairs alone", "lost by leaving it out", "pairs"]
    assert len(rows) == 4 and {row[5] for row in rows} == {"ghost_skips"}
    assert {tuple(row[-4:]) for row in rows} == {("+2.00", 3, "+3.00", 3)}


def test_the_ablation_compares_runs_of_the_same_seed():
    runs = [run("none", 0, 0.5), run("ghost_skips,label_smoothing", 0, 0.6), run("label_smoothing", 0, 0.55)]
    runs += [run("ghost_skips,label_smoothing", 1, 0.9)]  # nothing to compare it with
    assert [row[-5:] for row in ablation_rows(summaries(runs))[1]] == [["ghost_skips", "", "", "+5.00", 1]]


def test_a_recipe_in_another_spelling_is_the_same_recipe():
    """Each spelling had a row of its own, and runs of `--recipe=` were nothing that others are compared with."""
    other = "label_smoothing(amount=0.1), ghost_skips"
    runs = [run("", 0, 0.5), run("none", 1, 0.5), run("ghost_skips,label_smoothing", 0, 0.6), run(other, 1, 0.7)]
    runs += [run("label_smoothing", seed, 0.55) for seed in (0, 1)]
    (first, second) = comparisons(summaries(runs))
    assert (first.recipe, len(first.pairs), first.mean) == ("ghost_skips,label_smoothing", 2, pytest.approx(0.15))
    assert (second.recipe, second.mean) == ("label_smoothing", pytest.approx(0.05))
    assert [row[-5:] for row in ablation_rows(summaries(runs))[1]] == [["ghost_skips", "", "", "+10.00", 2]]


def test_runs_with_different_masks_are_not_compared(tmp_path):
    """A mask file that was replaced in between has the same name, and may have the same sparsity."""
    runs = [dataclasses.replace(run(recipe, 0, 0.5, mask="m.safetensors"), mask=recipe) for recipe in ("none", "tost")]
    runs += [run("none", 1, 0.5, mask="m.safetensors"), run("tost", 1, 0.6, mask="m.safetensors")]  # not known
    found = summaries(runs)
    assert [list(one.pairs) for one in comparisons(found)] == [[1]]
    assert unlike(found) == [(runs[1].name, runs[0].name)]
    write_report(runs, tmp_path / "report.html")
    assert f"Not compared, since their masks differ: {runs[1].name}" in (tmp_path / "report.html").read_text()
    assert "Averaged" not in markdown_text(runs), "of each recipe one mask is known"
    runs = [
        dataclasses.replace(run("none", seed, 0.5, mask="m.safetensors"), mask=mask) for seed, mask in enumerate("aab")
    ]
    averaged = f"Averaged as seeds, though their mask file was not the same: {' and '.join(one.name for one in runs)}."
    write_report(runs, tmp_path / "report.html")
    assert averaged in markdown_text(runs) and averaged in (tmp_path / "report.html").read_text()
    assert "Averaged" not in markdown_text(runs[:2])


def test_a_mask_in_another_spelling_is_the_same_mask():
    runs = [
        run("none", 0, 0.5, mask="snip"),
        run("none", 1, 0.6, mask="snip(batches=1)"),
        run("tost", 1, 0.7, mask="snip()"),
    ]
    plain, tost = summaries(
        [*runs, run("tost", 2, 0.7, mask="snip(batches=2)"), run("none", 2, 0.5, mask="mine(x=1)")]
    )[1:3]
    assert (plain.context["mask"], sorted(plain.accuracies)) == ("snip", [0, 1])
    assert comparisons([plain, tost])[0].pairs == {1: (0.7, 0.6)}


def test_without_digests_the_counts_of_layers_tell_masks_apart():
    """Runs of before there were digests: two masks of the same settings were compared as if they were one."""
    moved = [{**LAYERS[0], "live": 9}, {**LAYERS[1], "live": 12}, *LAYERS[2:]]
    runs = [run(recipe, seed, 0.5) for seed in range(5) for recipe in ("none", "tost")]
    runs[1] = dataclasses.replace(runs[1], layers=moved, mask="known")
    runs[2:4] = [dataclasses.replace(one, mask="known") for one in runs[2:4]]
    runs[5] = dataclasses.replace(runs[5], layers=[{**layer, "dead_outputs": 0} for layer in LAYERS])
    runs[6] = dataclasses.replace(runs[6], layers=[])
    found = summaries(runs)
    assert [list(one.pairs) for one in comparisons(found)] == [[1, 3, 4]]
    assert unlike(found) == [(runs[1].name, runs[0].name), (runs[5].name, runs[4].name)]
    assert confirmed(found) == {"digest": 1, "layers": 1, "nothing": 1}
    dense = [dataclasses.replace(run(recipe, 0, 0.5, mask="none"), layers=[]) for recipe in ("none", "tost")]
    assert len(comparisons(summaries(dense))) == 1
    assert not any(confirmed(summaries(dense)).values()), "they have no mask to be known"


def test_epochs_and_layers_count_by_name():
    """A history may begin late: a damaged one was deleted. A mask need not have all layers."""
    late = run("ghost_skips", 0, 0.4)
    late.history.update(epoch=[2, 3, 4, 5], ghost_skips=[0.9, 0.5, 0.0, 0.0])
    assert late.ghosts_until == 4
    assert leaving_rows(summaries([late]))[1][0][-4:] == [4, "0.2000", "0.3000", "0.4000"]
    assert cost_rows(summaries([late]))[1][0][-4:-2] == ["1.5", "1.0"]
    assert ">5</text>" in learning_curves(summaries([late]))
    whole, part = run("none", 0, 0.5), dataclasses.replace(run("none", 1, 0.5), layers=LAYERS[1:])
    points = [
        re.findall(r'<path d="M ([\d.]+) ', text) for text in (densities([whole, part]), densities([whole, whole]))
    ]
    assert points[0] != points[1], "the second mask's first layer is the first one's second"


def test_the_first_epoch_is_no_measure_of_an_epochs_time():
    """It traces and compiles the step."""
    plain, tost = run("none", 0, 0.5), run("tost", 0, 0.5)
    plain.history["seconds"] = [60.0, 1.0, 1.2, 9.0]
    tost.history.update(seconds=[90.0, 1.0, 1.2, 1.4], ghost_skips=[0.0] * 4)  # ghosts in the first epoch only
    rows = cost_rows(summaries([plain, tost]))[1]
    assert [row[-4:-2] for row in rows] == [["", "1.2"], ["", "1.2"]]


def test_headings_say_in_what_runs_differ(tmp_path):
    other = run("none", 0, 0.5)
    other = dataclasses.replace(other, settings={**other.settings, "batch_size": 32})
    write_report([run("none", 0, 0.5), other], tmp_path / "report.html")
    headings = re.findall("<h2>(resnet20.*?)</h2>", (tmp_path / "report.html").read_text())
    assert headings == [f"resnet20 on digits, 4 epochs, batch_size {size}" for size in (128, 32)]


def test_the_page_stands_alone(tmp_path):
    write_report(grid(), tmp_path / "report.html", title="A <title>")
    page = (tmp_path / "report.html").read_text()
    assert "<h1>A &lt;title&gt;</h1>" in page
    assert not re.search(r"(src|href)=\"(?!data:)", page), "the page must not load anything"
    for expected in (
        "Accuracy against sparsity",
        "What the recipe gains",
        "Learning curves: synflow, 98 %",
        "dead channels",
    ):
        assert expected in page
    assert "lost by leaving it out" in page and "+3.00" in page
    assert '<td class="long">ghost_neurons,<wbr>rescaled_init,<wbr>label_smoothing</td>' in page


def test_a_history_that_lacks_epochs_is_named(tmp_path):
    """An emptied history.csv gave a report without curves and times, and without a word."""
    whole, cut = run("none", 0, 0.5), run("none", 1, 0.5)
    for one in (whole, cut):
        one.metrics["epochs"] = 4
    cut.history.clear()
    write_report([whole, cut], tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert (
        f"The history of these runs lacks epochs; their curves and times are those of the others: {cut.name}." in page
    )


def test_names_in_a_page_are_text(tmp_path):
    runs = [dataclasses.replace(one, name="a,<script>alert(1)</script>") for one in grid()[:2]]
    write_report(runs, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "a,<wbr>&lt;script&gt;" in page and "<script>alert" not in page


@pytest.mark.skipif(BROWSER is None, reason="chromium is missing")
def test_in_a_browser_figures_show_and_tables_sort(tmp_path):
    write_report(grid(), tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    check = """<script>
      addEventListener("load", () => {
        const images = [...document.images];
        const button = [...document.querySelectorAll("th button")].find(b => b.textContent === "mean accuracy");
        button.click(); button.click();
        const cells = [...button.closest("table").tBodies[0].rows].map(row => row.cells[6].textContent);
        document.title = JSON.stringify({images: images.length, broken: images.filter(i => !i.naturalWidth).length,
          heading: button.textContent, cells: cells, wide: document.documentElement.scrollWidth, window: innerWidth});
      });</script></body>"""
    (tmp_path / "checked.html").write_text(page.replace("</body>", check))
    command = [
        BROWSER,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        "--virtual-time-budget=9000",
    ]
    command += [
        f"--user-data-dir={tmp_path}/profile",
        "--window-size=500,900",
        "--dump-dom",
        f"file://{tmp_path}/checked.html",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "CONSOLE" not in done.stderr, done.stderr
    found = json.loads(re.search(r"<title>(.*?)</title>", done.stdout, re.S)[1])
    assert found["images"] == 7 and found["broken"] == 0
    assert found["heading"] == "mean accuracy" and found["cells"] == sorted(found["cells"], reverse=True)
    assert found["wide"] <= found["window"], "the page must not scroll sideways on a narrow window"
