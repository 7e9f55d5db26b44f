"""The picture in README and docs/results.md: what the recipe gains, row by row and seed by seed."""

from matplotlib.patches import Patch

from tfsparse.results import drawing

MASKS = {"erk": "ERK", "snip": "SNIP", "grasp": "GraSP", "synflow": "SynFlow"}
_ROW = 0.42  # inches
_FULL, _UNSCALED = drawing.COLOURS[1], drawing.COLOURS[2]


def gains_figure(full, unscaled):
    """Points gained over the default protocol, as SVG.

    Args:
        full: list of `Comparison` of the full recipe with the default protocol, a row each, from the top down.
        unscaled: likewise of the recipe without its rescaled initialisation, which is drawn into the row of its context.
    """
    figure, axes = drawing.figure(1.2 + _ROW * len(full))
    for height, one in enumerate(full):
        _marks(axes, height - 0.14, one, _FULL)
        for other in unscaled:
            if other.context == one.context:
                _marks(axes, height + 0.18, other, _UNSCALED)
    axes.axvline(0, color="black", linewidth=1)
    axes.set_yticks(range(len(full)), [_name(one.context) for one in full])
    axes.set_ylim(len(full) - 0.5, -0.5)
    axes.set_xlabel("points gained over the default protocol\n(bar: mean, dots: seeds)", fontsize=drawing.SMALL)
    handles = [Patch(color=_FULL, label="full recipe"), Patch(color=_UNSCALED, label="without rescaled_init")]
    figure.legend(handles=handles, fontsize=drawing.SMALL, loc="outside upper center", ncols=2, frameon=False)
    return drawing.svg(figure)


def _marks(axes, height, one, colour):
    values = [100 * value for value in one.differences.values()]
    axes.plot(values, [height] * len(values), "o", color=colour, markersize=4.5, alpha=0.55)
    axes.plot([100 * one.mean], [height], "|", color=colour, markersize=12, markeredgewidth=2.5)


def _name(context):
    mask = MASKS.get(context["mask"], "IMP" if context["mask"].startswith("imp(") else context["mask"])
    return f"{mask}, {100 * context['sparsity']:g} %"
