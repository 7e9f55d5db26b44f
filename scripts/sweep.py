"""Runs a grid of experiments: masks x sparsities x recipes x seeds. Started again, it goes on.

python scripts/sweep.py --flagfile=configs/sweeps/digits.flags
python scripts/sweep.py --data=cifar10 --masks=erk --masks=snip --sparsities=0.9,0.98 --recipes=none --recipes=tost --seeds=0,1
"""

import os
import signal
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up chatter hides what matters
signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback at Ctrl-C while modules load

from absl import flags as absl_flags
from rich.console import Console
from rich.table import Table

from tfsparse import flags
from tfsparse.experiment import Experiment
from tfsparse.mask.mask_file import is_mask_file
from tfsparse.registry import parse_list
from tfsparse.sweep import EXECUTORS, cells, run_sweep

MASKS = flags.define_path("masks", None, "Mask methods or mask files; give the flag once for each.", many=True)
SPARSITIES = absl_flags.DEFINE_list("sparsities", None, "Sparsities, separated by commas.")
RECIPES = absl_flags.DEFINE_multi_string("recipes", None, "Recipes; give the flag once for each.")
SEEDS = absl_flags.DEFINE_list("seeds", None, "Seeds, separated by commas.")
EXECUTOR = absl_flags.DEFINE_enum(
    "executor", "local", sorted(EXECUTORS), "Where cells run: one after another, or by Ray."
)
THREADS = absl_flags.DEFINE_integer("threads", None, "Threads of TensorFlow in each cell.", lower_bound=1)


def main(argv):
    with flags.reported_errors("The same command goes on with the cells that have not finished."):
        _check_each("masks", [one for one in MASKS.value or [] if not is_mask_file(one) and len(parse_list(one)) > 1])
        alone = {"none", "tost"}
        parts = {one: parse_list(one) for one in RECIPES.value or []}
        _check_each("recipes", [one for one, names in parts.items() if len(names) > 1 and alone & {*names}])
        grid = cells(
            flags.read(Experiment),
            masks=MASKS.value,
            sparsities=_numbers("sparsities", SPARSITIES.value, float),
            recipes=RECIPES.value,
            seeds=_numbers("seeds", SEEDS.value, int),
        )
        outcomes = run_sweep(grid, executor=EXECUTOR.value, threads=THREADS.value)
    table = Table("cell", "state", "test accuracy")
    for outcome in outcomes:
        accuracy = "" if outcome.accuracy is None else f"{outcome.accuracy:.4f}"
        table.add_row(outcome.name, outcome.state, accuracy)
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    if failed:
        sys.exit(
            f"{len(failed)} of {len(outcomes)} cells failed:\n" + "\n".join(f"{o.name}: {o.reason}" for o in failed)
        )


def _check_each(name, several):
    if several:
        raise ValueError(f"--{name}={several[0]} is several: give --{name} once for each.")


def _numbers(name, values, kind):
    try:
        return None if values is None else [kind(value) for value in values]
    except ValueError:
        kinds = "whole numbers" if kind is int else "numbers"
        raise ValueError(f"--{name} takes {kinds} separated by commas, got {','.join(values)!r}.") from None


if __name__ == "__main__":
    flags.define(Experiment)
    flags.run(main)
