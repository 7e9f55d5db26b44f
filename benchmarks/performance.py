"""Writes docs/performance.md from the measurements in benchmarks/results.

python benchmarks/train_step.py && python benchmarks/performance.py
"""

import json
import pathlib
import statistics

from tfsparse.files import written_aside

ROOT = pathlib.Path(__file__).resolve().parents[1]
HEAD = """# Performance

Written by `benchmarks/performance.py` from what `python benchmarks/train_step.py` measured: TensorFlow {tensorflow},
{machine}, {cores} cores, noise of 32x32 pixels, batches of {batch_size}, a random mask at 90 %. All variants of a network take
a step in turn; medians of {turns} turns, ratios of steps of the same turn (median, lowest to highest). `dense` is Keras alone,
its layers and its SGD; `tost` has ghost neurons, ghost skips and label smoothing; `after` is the same model once its ghosts
have left; `tf-mot` is TF-MOT's own wrapper with `ConstantSparsity`, which does not run in mixed precision.

How long finding a mask takes is in [masks.md](masks.md).
"""


def ratio(turns, name, other):
    """Median of the ratios of two variants, and their range."""
    ratios = [turn[name] / turn[other] for turn in turns]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def section(row):
    """One network in one precision as a Markdown table."""
    turns, precision = row["seconds"], "float32" if row["precision"] == "none" else row["precision"]
    lines = [f"\n## {row['model']}, {precision}\n", "| step | seconds | of dense | of masked |", "|---|---|---|---|"]
    for name in turns[0]:
        seconds = statistics.median(turn[name] for turn in turns)
        lines.append(f"| {name} | {seconds:.3f} | {ratio(turns, name, 'dense')} | {ratio(turns, name, 'masked')} |")
    return "\n".join(lines) + "\n"


def precisions(rows):
    """How much faster bfloat16 is."""
    median = {(r["model"], r["precision"]): statistics.median(t["masked"] for t in r["seconds"]) for r in rows}
    lines = ["\n## bfloat16 against float32, masked\n", "| network | times as fast |", "|---|---|"]
    for name in dict.fromkeys(model for model, _ in median):
        if (name, "bfloat16") in median and (name, "none") in median:
            lines.append(f"| {name} | {median[name, 'none'] / median[name, 'bfloat16']:.2f} |")
    return "\n".join(lines) + "\n"


def main():
    measured = json.loads((ROOT / "benchmarks/results/train_step.json").read_text(encoding="utf-8"))
    rows = measured["rows"]
    facts = {**measured, "batch_size": rows[0]["batch_size"], "turns": len(rows[0]["seconds"])}
    text = HEAD.format(**facts) + precisions(rows) + "".join(section(row) for row in rows)
    with written_aside(ROOT / "docs/performance.md") as scratch:
        scratch.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
