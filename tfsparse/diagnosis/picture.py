"""A diagnosis as a picture.

Matplotlib is imported where it is used: that takes a second, and few who import this project draw.
"""

import pathlib

from tfsparse.files import written_aside

_COLOURS = {"empty": "#c0392b", "cut off": "#c0392b", "few": "#a87900"}
_LIVE, _ON_PATH, _INPUTS, _OUTPUTS = "#bccfe6", "#2f5d9b", "#7aa874", "#b5835a"
_FORMATS = ("png", "svg")


def draw(diagnosis, path):
    """One row a layer: its density, the part of that on a path, and beside them the shares of its dead channels.

    Args:
        diagnosis: `Diagnosis`.
        path: PNG or SVG file; appears when it is complete.

    Raises:
        ValueError: the path ends in neither.
    """
    kind = pathlib.Path(path).suffix.lower().removeprefix(".")
    if kind not in _FORMATS:
        raise ValueError(f"A diagnosis is drawn as a .png or .svg file, received {str(path)!r}.")
    from matplotlib.figure import Figure

    layers = diagnosis.layers
    figure = Figure(figsize=(10, 1.9 + 0.19 * len(layers)), layout="constrained")  # no pyplot: it keeps global state
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    _draw_densities(left, layers, known=diagnosis.effective is not None)
    _draw_dead_channels(right, layers)
    left.set_yticks(range(len(layers)), [layer.path.removesuffix("/kernel") for layer in layers], fontsize=8)
    left.set_ylim(len(layers) - 0.4, -0.6)  # the first layer on top
    for label, layer in zip(left.get_yticklabels(), layers, strict=True):
        label.set_color(_COLOURS.get(layer.note, "black"))
    for axes in (left, right):
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, fontsize=8, borderaxespad=0.2)
        axes.grid(axis="x", alpha=0.3)
        axes.set_axisbelow(True)
        axes.tick_params(axis="x", labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(_title(diagnosis), fontsize=9, x=0.01, ha="left")
    with written_aside(path) as scratch:
        figure.savefig(scratch, format=kind, dpi=110)


def _title(diagnosis):
    return f"{diagnosis}{'; NO PATH from inputs to outputs' if diagnosis.disconnected else ''}"


def _draw_densities(axes, layers, known):
    rows, live = range(len(layers)), [layer.live / layer.total for layer in layers]
    on_path = [layer.effective / layer.total for layer in layers] if known else []
    axes.barh(rows, live, 0.8, color=_LIVE, label="live")
    if known:
        axes.barh(rows, on_path, 0.4, color=_ON_PATH, label="on a path")
    start = min((density for density in (*live, *on_path) if density), default=1) / 4
    axes.set(xlim=(start, (1 / start) ** 0.15), xscale="log")  # room at the right for the notes
    axes.set_xlabel("density (of the weights)", fontsize=8)
    for row, layer in enumerate(layers):
        if layer.note:
            text = f" few: {layer.live}" if layer.note == "few" else f" {layer.note}"
            axes.text(max(live[row], start), row, text, va="center", fontsize=7, color=_COLOURS[layer.note])


def _draw_dead_channels(axes, layers):
    for place, kind, colour in ((-0.2, "inputs", _INPUTS), (0.2, "outputs", _OUTPUTS)):
        shares = [getattr(layer, f"dead_{kind}") / getattr(layer, kind) for layer in layers]
        axes.barh([row + place for row in range(len(layers))], shares, 0.4, color=colour, label=f"dead {kind}")
    axes.set(xlim=(0, 1), xticks=(0, 0.25, 0.5, 0.75, 1), xticklabels=("0", "25 %", "50 %", "75 %", "100 %"))
    axes.set_xlabel("share of the channels", fontsize=8)
    axes.tick_params(axis="y", left=False)
