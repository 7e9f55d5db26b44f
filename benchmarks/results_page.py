"""Writes docs/results.md from the finished runs that scripts/report.py --json kept in benchmarks/results.

python benchmarks/results_page.py
"""

import pathlib

from performance import ROOT, read

from tfsparse.files import written_aside
from tfsparse.results import comparisons, load_runs, markdown_text, summaries

EVIDENCE = ROOT / "benchmarks/results/evidence.json"
HEAD = """# Results

Written by `benchmarks/results_page.py` from {count} finished runs, {hours:.1f} hours of training on {machine}, {cores} cores
({processor}), TensorFlow {tensorflow}. The runs are cells of the grids in `configs/sweeps/`; a cell that is not here has not
been run. Accuracies are of the test set after the last epoch. `none` is the default protocol, `tost` the full recipe. Gains are
differences of runs with the same seed and the same mask, in points, with Student's 95 % interval of their mean.

{verdict}

"""


def verdict(runs):
    """What the paired comparisons say, in a sentence for each sparsity."""
    rows = [one for one in comparisons(summaries(runs)) if one.recipe == "tost"]
    lines = []
    for sparsity in sorted({one.context["sparsity"] for one in rows}, reverse=True):
        means = [100 * one.mean for one in rows if one.context["sparsity"] == sparsity]
        won = sum(mean > 0 for mean in means)
        lines.append(
            f"- At {100 * sparsity:g} % the recipe is ahead in {won} of {len(means)} rows, by {min(means):+.2f} to "
            f"{max(means):+.2f} points, {sum(means) / len(means):+.2f} in the mean."
        )
    return "\n".join(lines) or "No pair of runs, with and without the recipe, is finished yet."


def main():
    runs = load_runs(EVIDENCE)
    hours = sum(run.metrics.get("seconds", 0) for run in runs) / 3600
    text = HEAD.format(count=len(runs), hours=hours, verdict=verdict(runs), **read("train_step")) + markdown_text(runs)
    with written_aside(pathlib.Path(ROOT / "docs/results.md")) as scratch:
        scratch.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
