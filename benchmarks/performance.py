"""Writes docs/performance.md from the measurements in benchmarks/results.

python benchmarks/performance.py
"""

import json
import pathlib
import statistics

from tfsparse.files import written_aside

ROOT = pathlib.Path(__file__).resolve().parents[1]
HEAD = """# Performance

Written by `benchmarks/performance.py` from what the commands named below measured, with TensorFlow {tensorflow} on machines
with {cores} shared CPU cores ({machine}; the processor is named where it was recorded). How long finding a mask takes is in
[masks.md](masks.md).
"""
STEP = """
## The training step

`python benchmarks/train_step.py --repeats={turns}` ({processor}, unless another is named): noise of
32x32 pixels, batches of {batch_size}, a random mask at 90 %. All variants of a network take a step in turn; medians of {turns}
turns, ratios of steps of the same turn (median, lowest to highest). `dense` is Keras alone, its layers and its SGD; `tost` has
ghost neurons, ghost skips and label smoothing; `after` is the same model once its ghosts have left; `tf-mot` is TF-MOT's own
wrapper with `ConstantSparsity`, which does not run in mixed precision.

Masked steps multiply as many numbers as dense ones: TensorFlow's convolutions know no zeros. Most of a step is those
convolutions, and they keep both cores busy. What makes it faster is bfloat16 (`--mixed_precision=auto` measures
whether it does for your network), and `--compact`.
"""
OPTIMIZER = """
## The optimizer

`python benchmarks/optimizer.py`: SGD with momentum and weight decay, Keras' and tfsparse's, on given gradients, a step in turn
({processor}, {cores} cores; medians of {turns} turns and, in brackets, the lowest and highest). Operations
are those of the traced step. (The networks had eight outputs when this was measured.)

| network | weights | ms, Keras | ms, tfsparse | times as fast | operations, Keras | tfsparse |
|---|---|---|---|---|---|---|
"""
COMPACT = """
## Without dead channels: `--compact`

`python benchmarks/compaction.py --models={models}`: batches of {batch_size}; steps with and without dead channels in
turn, medians of {turns}.

| network | mask | sparsity | channels left | operations left | times as fast |
|---|---|---|---|---|---|
"""
RESCALED = """
## Rescaled initialisation

`python benchmarks/rescaled_init.py`: an iteration, gradients of 256 images.

| network | step on | seconds |
|---|---|---|
"""
DATA = """
## The data

`python benchmarks/data_against_step.py --flagfile=configs/cifar10.flags`, and so on: the input pipeline alone against the
training step.

| data | network | data, ms a batch | step, ms | step / data |
|---|---|---|---|---|
"""
MEMORY = """
## Memory

`python benchmarks/memory.py`: the peak of eight steps over what the process had before. `at least` is the peak of dense Keras
and 6 bytes for each prunable weight, TF-MOT's mask (4) and 2 more; masked training takes more, and what ghosts compute is kept
for their gradients.

| network | training | MB | at least |
|---|---|---|---|
"""
RESULTS = ROOT / "benchmarks/results"


def read(name):
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def spread(values):
    """Median and range; of one value, that."""
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def row(*cells):
    return "| " + " | ".join(map(str, cells)) + " |\n"


def steps(measured):
    rows = measured["rows"]
    text = STEP.format(
        batch_size=rows[0]["batch_size"], turns=len(rows[0]["seconds"]), processor=measured["processor"]
    ) + _precisions(rows)
    for one in rows:
        turns, precision = one["seconds"], "float32" if one["precision"] == "none" else one["precision"]
        place = f" ({one['processor']})" if "processor" in one else ""  # another machine than the others'
        text += f"\n### {one['model']}, {precision}{place}\n\n| step | seconds | of dense | of masked |\n|---|---|---|---|\n"
        for name in turns[0]:
            ratios = [spread([turn[name] / turn[other] for turn in turns]) for other in ("dense", "masked")]
            text += row(name, f"{statistics.median(turn[name] for turn in turns):.3f}", *ratios)
    return text


def _precisions(rows):
    """How much faster bfloat16 is."""
    median = {(r["model"], r["precision"]): statistics.median(t["masked"] for t in r["seconds"]) for r in rows}
    text = "\n| network, masked | bfloat16 is times as fast |\n|---|---|\n"
    for name in dict.fromkeys(model for model, _ in median):
        text += row(name, f"{median[name, 'none'] / median[name, 'bfloat16']:.2f}")
    return text


def optimizer(measured):
    rows = measured["rows"]
    text = OPTIMIZER.format(turns=len(rows[0]["seconds"]), **measured)
    for one in rows:
        turns, graphs = one["seconds"], one["graphs"]
        times = [f"{1000 * statistics.median(turn[key] for turn in turns):.1f}" for key in graphs]
        ratio = spread([turn["keras"] / turn["tfsparse"] for turn in turns])
        text += row(
            one["model"], f"{one['weights']:,}", *times, ratio, *(graph["operations"] for graph in graphs.values())
        )
    return text


def compaction(measured):
    rows = measured["rows"]
    models = ",".join(dict.fromkeys(one["model"] for one in rows))
    text = COMPACT.format(models=models, batch_size=measured["batch_size"], turns=len(rows[0]["seconds"]))
    for one in rows:
        left = [f"{after / before:.1%}" for before, after in (one["channels"], one["operations"])]
        text += row(one["model"], one["mask"], one["sparsity"], *left, spread([a / b for a, b in one["seconds"]]))
    return text


def rescaled(measured):
    text, rows = RESCALED, measured["rows"]
    for case in dict.fromkeys((one["model"], one["kind"]) for one in rows):
        text += row(*case, spread([r["seconds"] for r in rows if (r["model"], r["kind"]) == case]))
    return text


def data(measured):
    text = DATA
    for name, one in measured.items():
        ratio = f"{one['step_ms'] / one['data_ms']:.0f}"
        text += row(name, one["model"], f"{one['data_ms']:.1f}", f"{one['step_ms']:.0f}", ratio)
    return text


def memory(measured):
    text, dense = MEMORY, {one["model"]: one["memory"] for one in measured["rows"] if one["kind"] == "dense"}
    for one in measured["rows"]:
        bound = dense[one["model"]] + 6e-6 * one["weights"]
        text += row(one["model"], one["kind"], f"{one['memory']:,.0f}", f"{bound:,.0f}")
    held = measured["digits"]
    places = sorted({0, len(held) // 4, len(held) // 2, 3 * len(held) // 4, len(held) - 1})
    epochs = ", ".join(f"{held[place]:,.0f} after epoch {place + 1}" for place in places)
    return text + f"\nA training on digits (`resnet20(width=0.25)`, tost) holds, in MB: {epochs}.\n"


def main():
    sections = {"train_step": steps, "optimizer": optimizer, "compaction": compaction, "rescaled_init": rescaled}
    sections |= {"data_against_step": data, "memory": memory}
    measured = {name: read(name) for name in sections if (RESULTS / f"{name}.json").is_file()}
    text = HEAD.format(**measured["train_step"]) + "".join(sections[name](found) for name, found in measured.items())
    with written_aside(ROOT / "docs/performance.md") as scratch:
        scratch.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
