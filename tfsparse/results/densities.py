"""The picture of what masks leave of the layers."""

import math

from tfsparse.results import drawing

_ROW = 0.17  # inches
_TALLEST = 56  # rows that each have a name; in deeper networks not every layer is named
_SIZE = 9  # of type: between drawing.SMALL and what fits
_LONGEST = 28  # characters of a layer's name


def densities(runs):
    """Density of each layer, and the share of its output channels that are dead: a colour for each mask and sparsity."""
    longest_first = sorted(runs, key=lambda run: -len(run.layers))  # a mask need not have all layers
    paths = list(dict.fromkeys(layer["path"] for run in longest_first for layer in run.layers))
    figure, (left, right) = drawing.figure(0.8 + _ROW * min(len(paths), _TALLEST), columns=2)
    for place, run in enumerate(runs):
        label = drawing.plain(f"{run.settings['mask']}, {100 * run.settings['sparsity']:g} %")
        places = [paths.index(layer["path"]) for layer in run.layers]
        live = [100 * layer["live"] / layer["total"] for layer in run.layers]
        dead = [100 * layer["dead_outputs"] / layer["outputs"] for layer in run.layers]
        style = {**drawing.look(2 + place), "marker": ".", "clip_on": False}
        left.plot(live, places, label=label, **style)
        right.plot(dead, places, **style)
    step = math.ceil(len(paths) / _TALLEST)
    left.set_yticks(range(0, len(paths), step), [_short(path) for path in paths[::step]], fontsize=_SIZE)
    left.set_ylim(len(paths) - 0.5, -0.5)
    left.set_xscale("symlog", linthresh=0.1)
    left.set_xlim(0, 130)  # half a decade below 0.1 is as wide as one above
    left.set_xticks([0, 0.1, 1, 10, 100], ["0", "0.1", "1", "10", "100"], fontsize=_SIZE)
    right.set_xlim(0, 100)
    left.set_xlabel("density, %")
    right.set_xlabel("dead channels, %")
    drawing.legend(left)
    return drawing.svg(figure)


def _short(path):
    name = path.removesuffix("/kernel")
    return drawing.plain(name if len(name) <= _LONGEST else f"…{name[1 - _LONGEST :]}")
