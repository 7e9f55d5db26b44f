"""What the figures of a report share: their size, type, colours and names."""

import io
import textwrap

import matplotlib
from matplotlib.figure import Figure

from tfsparse.registry import parse_list
from tfsparse.results.statistics import NONE

FULL = "tost"
# Black and blue belong to the default protocol and the full recipe alone; other recipes, or masks, share the rest.
COLOURS = ("#1c1c1c", "#0b6fb8", "#d1541b", "#1f8a4c", "#c2387e", "#b88600", "#7b4f9d", "#1ba3b5")
LINES = ("--", "-", ":", "-.", (0, (5, 1)), (0, (1, 1)))  # the first: the default protocol, with several masks
MARKERS = "osD^vPX"
SMALL = 10
_WIDTH = 5  # inches, 480 pixels: on a phone with 400 the type shrinks by only a quarter
_LINE = 0.19  # inches, of small type
_CHARACTERS = 58  # of small type, from edge to edge
_STYLES = {"font.size": 10.5, "svg.hashsalt": "tfsparse", "svg.fonttype": "none", "axes.grid": True, "grid.alpha": 0.3}
_STYLES |= {"axes.spines.top": False, "axes.spines.right": False}


def look(place):
    """Colour and line style of a recipe by its place in `in_order`: the line style changes when the colours are used up.

    >>> look(0)["color"], look(2) == look(8), look(2)["color"] == look(8)["color"]
    ('#1c1c1c', False, True)
    """
    turn, colour = divmod(place - 2, len(COLOURS) - 2) if place > 1 else (0, place - 2)
    return {"color": COLOURS[2 + colour], "linestyle": LINES[(1 + turn) % len(LINES)]}


def in_order(recipes):
    """The default protocol, the full recipe and the others, each once; the first two always, to keep their colours."""
    return list(dict.fromkeys([NONE, FULL, *recipes]))


def figure(height, columns=1):
    """A figure and its axes, side by side."""
    found = Figure(figsize=(_WIDTH, height), layout="constrained")  # no pyplot: it keeps global state
    with matplotlib.rc_context(_STYLES):
        return found, found.subplots(1, columns, sharey=True)


def name_of(recipe):
    """The recipe as a reader knows it."""
    return {NONE: "default protocol", FULL: "full recipe (tost)"}.get(recipe) or ", ".join(parse_list(recipe))


def row_name(one, count):
    """The label of a `Summary` or `Comparison` in a figure of rows."""
    return plain(f"{one.context['mask']}, {100 * one.context['sparsity']:g} %, {name_of(one.recipe)}, n={count}")


def plain(label):
    """A label wrapped to a figure's width, in which matplotlib sees no formula and which a legend does not leave out."""
    label = textwrap.fill(label, _CHARACTERS).replace("$", r"\$")
    return f" {label}" if label.startswith("_") else label


def rows(axes, labels):
    """Writes labels below one another, each above the marks that it names: beside the marks, long recipes have no room.

    Returns:
        The height at which each label's marks go.
    """
    heights, top = [], 0.0
    for label in labels:
        lines = _lines(label)
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8}
        place = {"transform": axes.get_yaxis_transform(), "verticalalignment": "center"}
        axes.text(0, top + lines / 2, label, fontsize=SMALL, bbox=box, **place)
        heights.append(top + lines + 0.6)
        top += lines + 1.6
        axes.axhline(top, color="#ccc", linewidth=0.6)
    axes.set_ylim(top, 0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.figure.set_figheight(0.6 + _LINE * top)
    return heights


def legend(axes):
    """Puts the legend below the figure, which leaves a phone's whole width to the curves."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        axes.figure.legend(handles=handles, fontsize=SMALL, loc="outside lower left", frameon=False, handlelength=3)
        axes.figure.set_figheight(axes.figure.get_figheight() + _LINE * (1 + sum(map(_lines, labels))))


def svg(drawn):
    """A figure as SVG text to put into a page."""
    out = io.StringIO()
    with matplotlib.rc_context(_STYLES):
        drawn.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def _lines(label):
    return 1 + label.count("\n")
