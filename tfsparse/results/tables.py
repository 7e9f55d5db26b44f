"""The numbers of a report as CSV and Markdown."""

import csv
import io
import statistics

from tfsparse.recipe import Recipe
from tfsparse.registry import parse_list
from tfsparse.results.remarks import remarks
from tfsparse.results.statistics import NAMES, NONE, comparison, comparisons, summaries, varying


def accuracy_rows(found):
    """Header and rows of accuracies: one row for each `Summary`."""
    more = varying(found)
    header = [*NAMES, *more, "recipe", "seeds", "mean accuracy", "standard deviation", "accuracies"]
    rows = []
    for one in found:
        values = list(one.accuracies.values())
        spread = "" if one.spread is None else f"{one.spread:.4f}"
        names = [one.context[name] for name in (*NAMES, *more)]
        rows.append([*names, one.recipe, len(values), f"{one.mean:.4f}", spread, " ".join(f"{v:.4f}" for v in values)])
    return header, rows


def difference_rows(found):
    """Header and rows of paired differences, in points: one row for each `Comparison`."""
    more = varying(found)
    header = [*NAMES, *more, "recipe", "pairs", "without", "with"]
    header += ["points gained", "95 % from", "95 % to", "pairs won", "by seed"]
    rows = []
    for one in comparisons(found):
        ends = ["", ""] if one.interval is None else [f"{100 * end:+.2f}" for end in one.interval]
        won = sum(value > 0 for value in one.differences.values())
        each = " ".join(f"{100 * value:+.2f}" for value in one.differences.values())
        means = [f"{mean:.4f}" for mean in reversed(one.means)]
        names = [one.context[name] for name in (*NAMES, *more)]
        rows.append([*names, one.recipe, len(one.pairs), *means, f"{100 * one.mean:+.2f}", *ends, won, each])
    return header, rows


def cost_rows(found):
    """Header and rows of seconds per epoch (medians), with and without living ghosts, and of memory."""
    more = varying(found)
    header = [*NAMES, *more, "recipe", "seconds an epoch with ghosts", "without", "training, s", "peak memory, MB"]
    rows = []
    for one in found:
        run = one.runs[0]
        later, until = list(run.curve("seconds").items())[1:], run.ghosts_until  # the first one traces the step
        parts = [[value for epoch, value in later if (epoch <= until) is living] for living in (True, False)]
        medians = [f"{statistics.median(part):.1f}" if part else "" for part in parts]
        memory = run.metrics.get("peak_memory_mb", "")
        names = [one.context[name] for name in (*NAMES, *more)]
        rows.append([*names, one.recipe, *medians, run.metrics.get("seconds", ""), memory])
    return header, rows


def leaving_rows(found):
    """Header and rows of validation accuracies around the epoch in which the ghosts leave, means over seeds."""
    more = varying(found)
    header = [*NAMES, *more, "recipe", "ghosts leave in epoch"]
    header += ["validation accuracy before it", "at its end", "an epoch later"]
    rows = []
    for one in found:
        until = max(run.ghosts_until for run in one.runs)
        curves, around = [run.curve("val_accuracy") for run in one.runs], (until - 1, until, until + 1)
        if not until or any(epoch not in curve for curve in curves for epoch in around):
            continue  # no ghosts, or no epoch on both sides
        means = [sum(curve[epoch] for curve in curves) / len(curves) for epoch in around]
        names = [one.context[name] for name in (*NAMES, *more)]
        rows.append([*names, one.recipe, until, *(f"{mean:.4f}" for mean in means)])
    return header, rows


def ablation_rows(found):
    """Header and rows of the parts of every recipe: the gain of each alone, and what the recipe loses without it, in points.

    Parts with different options are different parts; only runs with the same seed are compared.
    """
    more = varying(found)
    known = {}
    for one in found:
        place = tuple(one.context[name] for name in (*NAMES, *more))
        known[place, frozenset(parse_list(Recipe(one.recipe).text)) - {NONE}] = one  # `text` spells out tost's parts
    rows = []
    for (place, parts), one in known.items():
        for part in sorted(parts) if len(parts) > 1 else []:
            lost = comparison(one, known.get((place, parts - {part})))
            alone = comparison(known.get((place, frozenset([part]))), known.get((place, frozenset())))
            if lost is not None:
                rows.append([*place, ",".join(sorted(parts)), part, *_points(alone), *_points(lost)])
    return [*NAMES, *more, "recipe", "part", "gained alone", "pairs alone", "lost by leaving it out", "pairs"], rows


def _points(compared):
    return ("", "") if compared is None else (f"{100 * compared.mean:+.2f}", len(compared.pairs))


# Heading, what a reader must know, function that makes header and rows.
_TABLES = (
    ("Accuracy", "Of the test set; where there is none, of the validation set.", accuracy_rows),
    (
        "The recipe against the default protocol",
        "Means of the seeds that both have; the interval is Student's, from three pairs on.",
        difference_rows,
    ),
    (
        "The parts of the recipe",
        "Points of accuracy: what a part gains alone over the default protocol, and what the whole recipe loses without it.",
        ablation_rows,
    ),
    ("When the ghosts leave", "Means over seeds.", leaving_rows),
    (
        "Time and memory",
        "Of the run with the first seed; seconds an epoch are medians without the first epoch, which traces and compiles.",
        cost_rows,
    ),
)


def tables(found):
    """(heading, note, header, rows) of every table that has rows, for a list of `Summary`."""
    made = ((heading, note, *make(found)) for heading, note, make in _TABLES)
    return [(heading, note, header, rows) for heading, note, header, rows in made if rows]


def csv_text(runs):
    """A CSV table of the runs: settings that decide, accuracy, sparsity, time and memory."""
    out = io.StringIO()
    settings = list(runs[0].settings) if runs else []
    numbers = ["test_accuracy", "validation_accuracy", "sparsity", "live_weights", "seconds", "peak_memory_mb"]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["run", *settings, *(name if name != "sparsity" else "sparsity_reached" for name in numbers)])
    for run in runs:
        values = [run.metrics.get(name, "") for name in numbers]
        writer.writerow([run.name, *(run.settings[name] for name in settings), *values])
    return out.getvalue()


def markdown_text(runs):
    """Markdown tables of accuracies, paired differences, the recipe's parts, what happens when ghosts leave, and costs.

    >>> from tfsparse.results.run import Run
    >>> settings = {"data": "d", "model": "m", "mask": "erk", "sparsity": 0.9, "recipe": "none", "seed": 0}
    >>> lines = markdown_text([Run("a", settings, {"test_accuracy": 0.5}, {}, [])]).splitlines()
    >>> lines[0], lines[6]
    ('### Accuracy', '| d | m | erk | 0.9 | none | 1 | 0.5000 |  | 0.5000 |')
    """
    found = summaries(runs)
    parts = [(f"### {heading}", note, _markdown(header, rows)) for heading, note, header, rows in tables(found)]
    return "\n\n".join(part.rstrip() for section in [*parts, remarks(found)] for part in section if part) + "\n"


def _markdown(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |\n" for line in lines)
