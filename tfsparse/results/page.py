"""`write_report`: finished runs as one HTML file that needs no network."""

import base64
import json
import pathlib

import jinja2

from tfsparse.files import written_aside
from tfsparse.results.accuracies import accuracy_by_recipe, accuracy_by_sparsity, several_sparsities
from tfsparse.results.curves import curves_of, learning_curves
from tfsparse.results.densities import densities
from tfsparse.results.gains import gains
from tfsparse.results.remarks import remarks
from tfsparse.results.statistics import comparisons, confirmed, summaries, varying
from tfsparse.results.tables import tables
from tfsparse.version import __version__


def write_report(runs, path, *, unfinished=(), title="Sparse training"):
    """Writes a report: accuracies, gains of the recipe, learning curves, densities, costs, and the settings of every run.

    Args:
        runs: list of `Run`.
        path: file to write, `*.html`: beside it scripts/report.py puts the numbers as .csv and .md.
        unfinished: folders of runs that have not finished, which the report names.
        title: of the page.

    Raises:
        ValueError: no runs, none with an accuracy, or another suffix.
        OSError: the file cannot be written.
    """
    if pathlib.Path(path).suffix != ".html":
        raise ValueError(f"A report is an HTML file: give a name that ends in .html, got {str(path)!r}.")
    found = summaries(runs)
    if not found:
        raise ValueError("There is no finished run with an accuracy to report.")
    page = _TEMPLATE.render(
        title=title,
        version=__version__,
        runs=runs,
        unfinished=[str(folder) for folder in unfinished],
        remarks=remarks(found),
        confirmed=confirmed(found),
        lacking=[run.name for run in runs if run.lacks_epochs],
        sections=_sections(found),
        tables=tables(found),
        settings=_settings(runs),
    )
    with written_aside(path) as scratch:
        scratch.write_text(page, encoding="utf-8")


def _sections(found):
    """One for each data set, network and further settings: a heading and figures (title, data URI, note)."""
    groups, more = {}, [name for name in varying(found) if name != "epochs"]
    for one in found:
        context = {name: value for name, value in one.context.items() if name not in ("mask", "sparsity")}
        groups.setdefault(json.dumps(context, sort_keys=True), []).append(one)
    for group in groups.values():
        context = group[0].context
        others = "".join(f", {name} {context[name]}" for name in more)
        yield f"{context['model']} on {context['data']}, {context['epochs']} epochs{others}", list(_figures(group))


def _figures(group):
    if several_sparsities(group):
        yield _figure("Accuracy against sparsity", accuracy_by_sparsity(group), _SPREAD)
    else:
        yield _figure("Accuracy by recipe", accuracy_by_recipe(group), _SEEDS)
    rows = comparisons(group)
    if rows:
        yield _figure("What the recipe gains", gains(rows), _GAINS)
    cells = {}
    for one in group:
        cells.setdefault((one.context["mask"], one.context["sparsity"]), []).append(one)
    for (mask, sparsity), ones in cells.items():
        shown, left_out = curves_of(ones)
        if shown:
            note = _LEFT_OUT.format(len(left_out)) if left_out else _CURVES
            yield _figure(f"Learning curves: {mask}, {100 * sparsity:g} %", learning_curves(shown), note)
    masks = {}
    for one in group:
        if one.runs[0].layers:
            masks.setdefault((one.context["mask"], one.context["sparsity"]), one.runs[0])
    if masks:
        yield _figure("Density and dead channels by layer", densities(list(masks.values())))


def _figure(title, svg, note=""):
    data = base64.b64encode(svg.encode()).decode()
    return title, f"data:image/svg+xml;base64,{data}", note


# What a reader must know about each figure.
_SPREAD = "Means over seeds; error bars are their standard deviation (no bar: one seed)."
_SEEDS = "A dot is a seed, the bar their mean."
_GAINS = (
    "A large mark is the mean of n pairs, a hollow one a single pair; a small dot is one of several pairs. Lines are "
    "Student's 95 % intervals, from three pairs on; an arrow says that the interval extends beyond the figure."
)
_CURVES = "Means over seeds. Ghosts leave at a vertical dashed line."
_LEFT_OUT = _CURVES + " Recipes not drawn: {}; their accuracies are in the tables below and in the CSV file."


def _settings(runs):
    """(settings that all runs share, header and rows of those in which they differ)."""
    names = list(runs[0].settings)
    differ = [name for name in names if len({str(run.settings.get(name)) for run in runs}) > 1]
    shared = {name: runs[0].settings[name] for name in names if name not in differ}
    return shared, (["run", *differ], [[run.name, *(run.settings.get(name) for name in differ)] for run in runs])


_TEMPLATE = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(
    pathlib.Path(__file__).with_name("report.html.j2").read_text(encoding="utf-8")
)
