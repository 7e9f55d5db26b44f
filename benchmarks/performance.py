"""Writes docs/performance.md from the measurements in benchmarks/results.

python benchmarks/performance.py
"""

import json
import statistics

from measured import ROOT, growth, spread, where

from tfsparse.files import written_aside

HEAD = """# Performance

`benchmarks/performance.py` writes this page from the measurements of the commands named below. They ran on machines whose cores
are shared with others. For the time that finding a mask takes, see [masks.md](masks.md).
"""
STEP = """
## The training step

`python benchmarks/train_step.py` ({where})
trains on noise images of 32x32 pixels, in batches of {batch_size}, under a random mask at 90 %. In each turn, all variants of a
network take one step each, in both precisions. The headings below give the number of turns. The tables show medians, and ratios
of steps of the same turn (median, lowest to highest).

- `dense` is the network without wrappers. It is trained by our SGD, as all others are, and once by Keras' SGD without weight
  decay.
- `tost` has ghost neurons, ghost skips and label smoothing.
- `after` marks the model named next to it, once its ghosts have left.
- `tf-mot` is TF-MOT's own wrapper with `ConstantSparsity`. It does not run in mixed precision.

Other programs shared the cores, and single turns differ by a fifth and more. The narrower a ratio's range, the more reliable
the ratio.

Masked steps multiply as many numbers as dense ones, because TensorFlow's convolutions do not skip zeros. These convolutions
take most of a step and keep both cores busy. Two things make a step faster: bfloat16 and `--compact`. `--mixed_precision=auto`
measures whether bfloat16 does so for your network.

| network, masked | bfloat16 is times as fast |
|---|---|
"""
OPTIMIZER = """
## The optimizer

`python benchmarks/optimizer.py` ({where})
compares two versions of SGD with momentum and weight decay: Keras' and tfsparse's. Both work on given gradients and take a step
in turn. The table shows medians of {turns} turns and, in brackets, the lowest and highest. Operations are those of the traced
step.

| network | weights | ms, Keras | ms, tfsparse | times as fast | operations, Keras | tfsparse |
|---|---|---|---|---|---|---|
"""
COMPACT = """
## Without dead channels: `--compact`

`python benchmarks/compaction.py --models={models}` ({where})
trains on batches of {batch_size}. Steps with and without dead channels are taken in turn. The speed-ups are medians of {turns}
turns.

| network | mask | sparsity | channels left | operations left | times as fast |
|---|---|---|---|---|---|
"""
RESCALED = """
## Rescaled initialisation

`python benchmarks/rescaled_init.py` ({where})
times one iteration, with gradients of 256 images. The table shows medians of {turns} measurements.

| network | step on | seconds |
|---|---|---|
"""
DATA = """
## The data

`python benchmarks/data_against_step.py --flagfile=configs/cifar10.flags`, and so on for the other data sets ({where}),
compares the input pipeline alone with the training step. The step is under a mask and without ghosts.

| data | network | data, ms a batch | step, ms | step / data |
|---|---|---|---|---|
"""
MEMORY = """
## Memory

`python benchmarks/memory.py` ({where})
measures the peak memory of eight steps, less what the process held before the model was compiled. A mask takes 4 bytes a
weight. The values that ghosts compute are kept for their gradients.

| network | training | MB | over dense, bytes a prunable weight |
|---|---|---|---|
"""
RESULTS = ROOT / "benchmarks/results"


def read(name):
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def row(*cells):
    return "| " + " | ".join(map(str, cells)) + " |\n"


def steps(rows, where):
    text = STEP.format(batch_size=rows[0]["batch_size"], where=where) + _precisions(rows)
    for one in rows:
        turns, precision = one["seconds"], "float32" if one["precision"] == "none" else one["precision"]
        text += f"\n### {one['model']}, {precision}, {len(turns)} turns\n\n"
        text += "| step | seconds | of dense | of masked |\n|---|---|---|---|\n"
        for name in turns[0]:
            ratios = [spread([turn[name] / turn[other] for turn in turns]) for other in ("dense", "masked")]
            text += row(name, f"{statistics.median(turn[name] for turn in turns):.3f}", *ratios)
    return text


def _precisions(rows):
    """How much faster bfloat16 is, turn by turn."""
    masked = {(one["model"], one["precision"]): [turn["masked"] for turn in one["seconds"]] for one in rows}
    names = dict.fromkeys(one["model"] for one in rows)
    pairs = {name: zip(masked[name, "none"], masked[name, "bfloat16"], strict=True) for name in names}
    return "".join(row(name, spread([a / b for a, b in both])) for name, both in pairs.items())


def optimizer(rows, where):
    text = OPTIMIZER.format(turns=len(rows[0]["seconds"]), where=where)
    for one in rows:
        turns, graphs = one["seconds"], one["graphs"]
        times = [f"{1000 * statistics.median(turn[key] for turn in turns):.1f}" for key in graphs]
        ratio = spread([turn["keras"] / turn["tfsparse"] for turn in turns])
        text += row(
            one["model"], f"{one['weights']:,}", *times, ratio, *(graph["operations"] for graph in graphs.values())
        )
    return text


def compaction(rows, where):
    models = ",".join(dict.fromkeys(one["model"] for one in rows))
    facts = {"batch_size": rows[0]["batch_size"], "turns": len(rows[0]["seconds"])}
    text = COMPACT.format(models=models, where=where, **facts)
    for one in rows:
        left = [f"{after / before:.1%}" for before, after in (one["channels"], one["operations"])]
        text += row(one["model"], one["mask"], one["sparsity"], *left, spread([a / b for a, b in one["seconds"]]))
    return text


def rescaled(rows, where):
    lines = [row(one["model"], one["kind"], spread(one["seconds"])) for one in rows]
    return RESCALED.format(where=where, turns=len(rows[0]["seconds"])) + "".join(lines)


def data(rows, where):
    text = DATA.format(where=where)
    for one in rows:
        ratio = f"{one['step_ms'] / one['data_ms']:.0f}"
        text += row(one["data"], one["model"], f"{one['data_ms']:.1f}", f"{one['step_ms']:.0f}", ratio)
    return text


def memory(rows, where):
    text, dense = MEMORY.format(where=where), {one["model"]: one["memory"] for one in rows if one["kind"] == "dense"}
    for one in rows:
        more = 1e6 * (one["memory"] - dense[one["model"]]) / one["weights"]
        text += row(one["model"], one["kind"], f"{one['memory']:,.0f}", f"{more:.1f}" if one["kind"] != "dense" else "")
    held = read("memory")["digits"]["held"]
    return text + f"\nMemory held by a training run on digits (`resnet20(width=0.25)`, tost), in MB: {growth(held)}.\n"


def main():
    sections = {"train_step": steps, "optimizer": optimizer, "compaction": compaction, "rescaled_init": rescaled}
    sections |= {"data_against_step": data, "memory": memory}
    measured = {name: read(name)["rows"] for name in sections}
    text = HEAD + "".join(section(measured[name], where(measured[name])) for name, section in sections.items())
    with written_aside(ROOT / "docs/performance.md") as scratch:
        scratch.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
