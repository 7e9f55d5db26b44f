"""At which compression does each mask method first kill a layer, and first cut the network in two?

    python benchmarks/collapse.py

The critical-compression experiment of the SynFlow paper (Tanaka et al., 2020) on VGG-16 and ResNet-18 at initialisation.
Compression = all weights / live weights; a layer is dead when none of its weights lives, a network cut when no path of live
weights leads from its inputs to its outputs. No mask can survive a compression above (weights / layers). Methods that score
once are ranked once, and their limits are exact; SynFlow ranks anew for every compression, and its limits are found by
bisection on a grid of compressions, the powers of 10^step (`--step`). Writes a table, a picture and JSON.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import math
import pathlib
import warnings

import numpy as np
import tf_keras as keras
from absl import app, flags
from rich.console import Console
from rich.table import Table

import tfsparse as ts
from tfsparse.files import write_json, written_aside
from tfsparse.progress import progress
from tfsparse.registry import parse_list

METHODS = flags.DEFINE_string(
    "methods", "random,magnitude,snip,grasp,synflow,synflow(min_per_layer=1)", "Mask methods."
)
MODELS = flags.DEFINE_list("models", ["vgg16", "resnet18"], "Networks.")
SEEDS = flags.DEFINE_integer("seeds", 3, "Initialisations of each network.")
STEP = flags.DEFINE_float("step", 0.125, "Grid of SynFlow's compressions: powers of ten.")
DATA = flags.DEFINE_string("data", "cifar10", "Data set whose first training batch SNIP and GraSP look at.")
OUT = flags.DEFINE_string("out", "benchmarks/results/collapse", "Files written: this name with .json and .png.")


def mask_of(model, method, compression, task):
    """The mask that lives on 1 / compression of the weights."""
    method = "random(allocation='global')" if method == "random" else method
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it is layers without a weight that are looked for here
        return ts.find_mask(model, method, sparsity=1 - 1 / compression, task=task)


def limits_of_one_ranking(model, method, task, seed):
    """Critical compressions (layer, network) of a method whose masks are the heads of one ranking."""
    if method == "random":
        generator = np.random.default_rng(seed)
        found = {path: generator.random(v.shape) for path, v in ts.prunable(model).items()}
    else:
        found = ts.scores(model, method, task)
    ordered = np.sort(np.concatenate([array.ravel() for array in found.values()]))
    total = len(ordered)

    def alive(kept):
        threshold = ordered[total - kept]
        return ts.Mask({path: array >= threshold for path, array in found.items()})

    # A layer lives as long as its best weight is among those kept.
    needed = max(total - int(np.searchsorted(ordered, array.max())) for array in found.values())
    low, high = 1, total  # cut with `low` weights, whole with `high`
    while high - low > max(1, high // 200):
        middle = math.isqrt(low * high)
        low, high = (middle, high) if ts.diagnose(model, alive(middle)).disconnected else (low, middle)
    return total / needed, total / high


def limits_by_halving(model, method, task):
    """Critical compressions (layer, network) of a method that ranks anew for each."""
    weights = ts.prunable(model)
    most = sum(v.shape.num_elements() for v in weights.values()) / len(weights)
    masks = {}

    def mask(grid):
        if grid not in masks:
            masks[grid] = mask_of(model, method, 10 ** (grid * STEP.value), task)
        return masks[grid]

    def last_good(good):
        low, high = 0, math.ceil(math.log10(most) / STEP.value)  # good at `low`; at `high` there are too few weights
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if good(mask(middle)) else (low, middle)
        return 10 ** (low * STEP.value)

    layer = last_good(lambda found: not found.empty)
    return layer, last_good(lambda found: not ts.diagnose(model, found).disconnected)


def measure(name, method, seed, data):
    keras.utils.set_random_seed(seed)
    task, model = ts.Task(data, seed=seed), ts.build_model(name, data)
    once = method.split("(")[0] != "synflow"
    layer, network = (
        limits_of_one_ranking(model, method, task, seed) if once else limits_by_halving(model, method, task)
    )
    weights = ts.prunable(model)
    most = sum(v.shape.num_elements() for v in weights.values()) / len(weights)
    return {"model": name, "method": method, "seed": seed, "layer": layer, "network": network, "most": most}


def table(rows):
    shown = Table("network", "method", title="First compression that ... (mean of seeds, lowest to highest)")
    for column in ("kills a layer", "cuts the network", "no mask survives"):
        shown.add_column(column, justify="right")
    for name, method in dict.fromkeys((row["model"], row["method"]) for row in rows):
        group = [row for row in rows if (row["model"], row["method"]) == (name, method)]
        cells = []
        for key in ("layer", "network"):
            values = [row[key] for row in group]
            cells.append(f"{np.mean(values):,.0f} ({min(values):,.0f} to {max(values):,.0f})")
        shown.add_row(name, method, *cells, f"{group[0]['most']:,.0f}")
    return shown


def plot(rows, path):
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(row["model"] for row in rows))
    figure = Figure(figsize=(5 * len(names), 4), layout="constrained")
    for axes, name in zip(np.atleast_1d(figure.subplots(1, len(names), sharey=True)), names, strict=True):
        own = [row for row in rows if row["model"] == name]
        methods = list(dict.fromkeys(row["method"] for row in own))
        for key, marker, label in (("layer", "o", "kills a layer"), ("network", "x", "cuts the network")):
            places = [methods.index(row["method"]) + (0.1 if key == "network" else -0.1) for row in own]
            axes.scatter(places, [row[key] for row in own], marker=marker, label=label)
        axes.axhline(own[0]["most"], linestyle="--", color="gray", label="one weight a layer")
        axes.set(yscale="log", title=name, xticks=range(len(methods)))
        axes.set_xticklabels([method.replace("(", "\n(") for method in methods], fontsize=8)
        axes.grid(axis="y", alpha=0.3)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    figure.supylabel("compression (weights / live weights)")
    with written_aside(path) as scratch:
        figure.savefig(scratch, format="png", dpi=120)


def main(argv):
    data, out, rows = ts.load_data(DATA.value, batch_size=128), pathlib.Path(OUT.value), []
    cases = [(n, m, s) for n in MODELS.value for m in parse_list(METHODS.value) for s in range(SEEDS.value)]
    with progress() as shown:
        for name, method, seed in shown(cases, "Masks"):
            rows.append(measure(name, method, seed, data))
            print(rows[-1], flush=True)
    write_json(out.with_suffix(".json"), rows)
    plot(rows, out.with_suffix(".png"))
    Console().print(table(rows))


if __name__ == "__main__":
    app.run(main)
