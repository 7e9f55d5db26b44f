"""The picture of what recipes gain."""

from tfsparse.results import drawing

_WIDE = 0.1  # intervals wider than this are cut off: one alone would squeeze all the others together


def gains(compared):
    """Points gained over the default protocol, with the 95 % interval: a row for each `Comparison`."""
    compared = sorted(
        compared, key=lambda one: (one.context["mask"], one.context["sparsity"], one.recipe != drawing.FULL)
    )
    figure, axes = drawing.figure(3)
    heights = drawing.rows(axes, [drawing.row_name(one, len(one.pairs)) for one in compared])
    limits = span(compared)
    axes.set_xlim(limits)
    axes.axvline(0, color="black", linewidth=0.8)
    for height, one in zip(heights, compared, strict=True):
        _row(axes, height, one, limits)
    axes.set_xlabel("points gained over the default protocol")
    return drawing.svg(figure)


def span(compared):
    """Ends of the axis, in points: it holds 0, every difference, and every interval that is not too wide."""
    ends = [end for one in compared for end in one.interval or () if one.interval[1] - one.interval[0] <= _WIDE]
    values = [0.0, *ends, *(value for one in compared for value in one.differences.values())]
    margin = 0.04 * (max(values) - min(values)) or 0.01
    return 100 * (min(values) - margin), 100 * (max(values) + margin)


def _row(axes, height, one, limits):
    colour = drawing.COLOURS[1 if one.mean > 0 else 2]
    if one.interval:
        low, high = (100 * end for end in one.interval)
        axes.plot([low, high], [height, height], color=colour, linewidth=2)
        for outside, end, arrow in ((low < limits[0], limits[0], "<"), (high > limits[1], limits[1], ">")):
            if outside:
                axes.plot([end], [height], arrow, color=colour, markersize=8, clip_on=False)
    filling = "white" if len(one.pairs) == 1 else colour
    axes.plot([100 * one.mean], [height], "o", color=colour, markerfacecolor=filling, markersize=7)
    if len(one.pairs) > 1:
        values = [100 * value for value in one.differences.values()]
        axes.plot(values, [height + 0.5] * len(values), ".", color="#555", markersize=5)
