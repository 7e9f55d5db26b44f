"""Pictures of a report, as SVG to stand inside a page."""

import io
import textwrap

import matplotlib
from matplotlib.figure import Figure

from tfsparse.registry import parse_list
from tfsparse.results.statistics import NONE

_COLOURS = ("#2f5d9b", "#b5562a", "#3f7f4c", "#7b4f9d", "#a87900", "#6b6b6b", "#c2387e", "#2a8c8c")
_STYLES = {"font.size": 9, "svg.hashsalt": "tfsparse", "svg.fonttype": "none", "axes.grid": True, "grid.alpha": 0.3}
_STYLES |= {"axes.spines.top": False, "axes.spines.right": False}


def gains(rows):
    """Points gained over the default protocol, with the 95 % interval: a row for each comparison."""
    labels = [
        _plain(f"{one.context['mask']}, {100 * one.context['sparsity']:g} %, {_short(one.recipe)}") for one in rows
    ]
    figure, axes = _figure(7, 1.2 + 0.16 * sum(1 + _lines(label) for label in labels))
    for place, one in enumerate(rows):
        low, high = one.interval or (one.mean, one.mean)
        colour = _COLOURS[0] if one.mean > 0 else _COLOURS[1]
        axes.plot([100 * low, 100 * high], [place, place], color=colour, linewidth=2)
        axes.plot([100 * one.mean], [place], "o", color=colour)
        axes.plot(
            [100 * value for value in one.differences.values()], [place] * len(one.differences), "|", color="#888"
        )
    axes.set_yticks(range(len(rows)), labels, fontsize=7)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel("points gained (95 % interval; ticks: seeds)")
    return _svg(figure)


def _figure(width, height):
    figure = Figure(figsize=(width, height), layout="constrained")  # no pyplot: it keeps global state
    with matplotlib.rc_context(_STYLES):
        return figure, figure.subplots()


def _legend(axes):
    handles, labels = axes.get_legend_handles_labels()
    if handles:  # below: a phone's width is for the curves
        axes.figure.legend(handles=handles, fontsize=7, loc="outside lower left", ncols=2, frameon=False)
        axes.figure.set_figheight(axes.figure.get_figheight() + 0.07 * sum(map(_lines, labels)))


def _short(recipe):
    """The recipe in lines that a legend of two columns has room for."""
    return "default protocol" if recipe == NONE else textwrap.fill(", ".join(parse_list(recipe)), 40)


def _plain(label):
    """A label in which matplotlib sees no formula, and that a legend does not leave out."""
    label = label.replace("$", r"\$")
    return f" {label}" if label.startswith("_") else label


def _lines(label):
    return 1 + label.count("\n")


def _svg(figure):
    out = io.StringIO()
    with matplotlib.rc_context(_STYLES):
        figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]
