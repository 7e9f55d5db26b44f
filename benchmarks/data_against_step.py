"""Time per batch of the input pipeline alone, compared with the training step of a configuration, without ghosts.

    python benchmarks/data_against_step.py --flagfile=configs/digits.flags

Takes the flags of scripts/train.py. Both are measured in turn, several times in one run; the medians count. Adds its row to a
JSON file.
"""

import statistics

from absl import flags as absl_flags
from measured import seconds, write_rows
from rich.console import Console
from rich.table import Table
from steps import masked_steps

from tfsparse import find_mask, flags
from tfsparse.experiment import Experiment, check, load_task
from tfsparse.models import build_model

OUT = absl_flags.DEFINE_string(
    "out", "benchmarks/results/data_against_step.json", "JSON file, a row for each data set."
)

REPEATS, BATCHES, STEPS = 5, 500, 10  # enough batches to empty what was prefetched during the steps


def milliseconds(action, times):
    """Time that one `action` takes, the mean over `times` of them."""
    return 1000 * seconds(lambda: [action() for _ in range(times)]) / times


def main(argv):
    experiment = flags.read(Experiment)
    with flags.reported_errors():
        check(experiment)
        task = load_task(experiment)
    model = build_model(experiment.model, task.data)
    mask = find_mask(model, "random", sparsity=experiment.sparsity)
    batches = iter(task.data.epochs(0, 100_000))
    steps = masked_steps(model, mask, "none", task, next(batches))
    steps.step()  # traces
    rows = [
        (
            milliseconds(lambda: next(batches), BATCHES),
            milliseconds(steps.step, STEPS),
        )
        for _ in range(REPEATS)
    ]
    data, step = (statistics.median(column) for column in zip(*rows, strict=True))
    table = Table("ms a batch, median of", str(REPEATS))
    for name, value in (
        ("data alone", f"{data:.1f}"),
        ("training step", f"{step:.1f}"),
        ("step / data", f"{step / data:.0f}"),
    ):
        table.add_row(name, value)
    Console().print(table)
    facts = {"data": experiment.data, "model": experiment.model, "augment": experiment.augment}
    row = {**facts, "batch_size": experiment.batch_size, "data_ms": data, "step_ms": step}
    write_rows(OUT.value, [row], ("data",))


if __name__ == "__main__":
    flags.define(Experiment)
    flags.run(main)
