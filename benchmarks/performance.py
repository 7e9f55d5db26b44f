"""Writes docs/performance.md from the measurements in benchmarks/results.

python benchmarks/performance.py
"""

import json
import statistics

from measured import ROOT, growth, spread, where

from tfsparse.files import written_aside

HEAD = """# Performance

Written by `benchmarks/performance.py` from what the commands named below measured, on machines whose cores are shared with
others. How long finding a mask takes is in [masks.md](masks.md).
"""
STEP = """
## The training step

`python benchmarks/train_step.py` ({where}): noise of 32x32 pixels, batches of {batch_size}, a random mask at 90 %. All
variants of a network, in both precisions, take a step in turn, as often as is said below; medians, and ratios of steps
of the same turn (median, lowest to highest). `dense` is the network without wrappers, trained by our SGD as all others are,
and once by Keras', without weight decay; `tost` has ghost neurons, ghost skips and label smoothing; `after` is the same model
once its ghosts have left; `tf-mot` is TF-MOT's own wrapper with `ConstantSparsity`, which does not run in mixed precision.
Other programs shared the cores, and single turns differ by a fifth and more: a ratio is worth as much as its range is narrow.

Masked steps multiply as many numbers as dense ones: TensorFlow's convolutions know no zeros. Most of a step is those
convolutions, and they keep both cores busy. What makes it faster is bfloat16 (`--mixed_precision=auto` measures
whether it does for your network), and `--compact`.

| network, masked | bfloat16 is times as fast |
|---|---|
"""
OPTIMIZER = """
## The optimizer

`python benchmarks/optimizer.py` ({where}): SGD with momentum and weight decay, Keras' and tfsparse's, on given gradients, a
step in turn; medians of {turns} turns and, in brackets, the lowest and highest. Operations are those of the traced step.

| network | weights | ms, Keras | ms, tfsparse | times as fast | operations, Keras | tfsparse |
|---|---|---|---|---|---|---|
"""
COMPACT = """
## Without dead channels: `--compact`

`python benchmarks/compaction.py --models={models}` ({where}): batches of {batch_size}; steps with and without dead channels in
turn, medians of {turns}.

| network | mask | sparsity | channels left | operations left | times as fast |
|---|---|---|---|---|---|
"""
RESCALED = """
## Rescaled initialisation

`python benchmarks/rescaled_init.py` ({where}): an iteration, gradients of 256 images, median of {turns}.

| network | step on | seconds |
|---|---|---|
"""
DATA = """
## The data

`python benchmarks/data_against_step.py --flagfile=configs/cifar10.flags`, and so on ({where}): the input pipeline alone against
the training step, under a mask and without ghosts.

| data | network | data, ms a batch | step, ms | step / data |
|---|---|---|---|---|
"""
MEMORY = """
## Memory

`python benchmarks/memory.py` ({where}): the peak of eight steps over what the process held before the model was compiled. A
mask is 4 bytes a weight; what ghosts compute is kept for their gradients.

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
    return text + f"\nA training on digits (`resnet20(width=0.25)`, tost) holds, in MB: {growth(held)}.\n"


def main():
    sections = {"train_step": steps, "optimizer": optimizer, "compaction": compaction, "rescaled_init": rescaled}
    sections |= {"data_against_step": data, "memory": memory}
    measured = {name: read(name)["rows"] for name in sections}
    text = HEAD + "".join(section(measured[name], where(measured[name])) for name, section in sections.items())
    with written_aside(ROOT / "docs/performance.md") as scratch:
        scratch.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
