"""The sanity checks of the literature, side by side: one experiment, its mask shuffled, found on other weights, inverted."""

import dataclasses
import statistics

from rich.table import Table

from tfsparse.experiment.check import check
from tfsparse.experiment.run import run_experiment
from tfsparse.masks.choices import SANITY
from tfsparse.registry import parse
from tfsparse.training import AUTO


def sanity_checks(experiment, seeds):
    """Runs an experiment once as it is and once for each sanity check, over several seeds; each is a run folder.

    Args:
        experiment: `Experiment`, whose mask is a method; `run_name` must be left open, for every run has its own.
        seeds: how many, counting up from the experiment's own.

    Returns:
        List of dicts: `mask`, `sanity` (None or the check), `seed`, `test_accuracy`, `sparsity`, `folder`.

    Raises:
        ValueError: before anything is run, if the mask is no method or names a check itself, or if there is a `run_name`,
            `overwrite`, several workers or a precision left at `auto`.
    """
    if experiment.run_name:
        raise ValueError("--run_name is for one run; leave it out: each of these runs has a folder of its own.")
    if experiment.overwrite:
        raise ValueError(
            "A comparison goes on where it ended: leave --overwrite out, and delete its run folders to begin anew."
        )
    if experiment.strategy == "multi_worker":
        raise ValueError(
            "--strategy=multi_worker needs this command on each worker, and only one has the numbers to compare: give none or "
            "mirrored."
        )
    if experiment.mixed_precision == AUTO:
        raise ValueError(
            "--mixed_precision=auto is measured anew for each run, and these are compared: give "
            "--mixed_precision=bfloat16 or none."
        )
    if experiment.mask == "none" or experiment.mask_file:
        raise ValueError(f"--mask={experiment.mask} is no mask method: only a method can be checked.")
    variants = [
        dataclasses.replace(experiment, mask=with_sanity(experiment.mask, name), seed=experiment.seed + offset)
        for name in (None, *SANITY)
        for offset in range(seeds)
    ]
    for variant in variants:
        check(variant)
    return [_row(variant) for variant in variants]


def with_sanity(mask, name):
    """The text of a mask method with a sanity check among its options.

    >>> with_sanity("snip(batches=4)", "shuffle")
    "snip(batches=4, sanity='shuffle')"
    """
    method, options = parse(mask)
    if "sanity" in options:
        raise ValueError(f"--mask={mask} names a sanity check itself; leave it out, all are run.")
    options |= {"sanity": name} if name else {}
    inside = ", ".join(f"{key}={value!r}" for key, value in options.items())
    return f"{method}({inside})" if inside else method


def _row(experiment):
    metrics = run_experiment(experiment)
    sanity = parse(experiment.mask)[1].get("sanity")
    facts = {name: metrics[name] for name in ("test_accuracy", "sparsity")}
    return {"mask": experiment.mask, "sanity": sanity, "seed": experiment.seed, **facts, "folder": experiment.name}


def sanity_table(rows):
    """Mean and spread of the test accuracy of each check, as a table for the terminal.

    >>> row = {"mask": "snip", "sanity": None, "seed": 0, "test_accuracy": 0.9, "sparsity": 0.5, "folder": "run"}
    >>> [list(column.cells)[0] for column in sanity_table([row]).columns]
    ['as it is', '0.9000', '', '1']
    """
    table = Table("mask", title=rows[0]["mask"])
    for name in ("test accuracy", "std", "seeds"):
        table.add_column(name, justify="right")
    for sanity in dict.fromkeys(row["sanity"] for row in rows):
        accuracies = [row["test_accuracy"] for row in rows if row["sanity"] == sanity]
        spread = f"{statistics.stdev(accuracies):.4f}" if len(accuracies) > 1 else ""
        table.add_row(sanity or "as it is", f"{statistics.mean(accuracies):.4f}", spread, str(len(accuracies)))
    return table
