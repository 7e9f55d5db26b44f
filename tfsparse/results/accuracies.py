"""Pictures of accuracies: against sparsity, or recipe by recipe where there is one sparsity."""

from tfsparse.results import drawing
from tfsparse.results.statistics import NONE


def several_sparsities(found):
    """Whether there is a line to draw: a recipe and mask at more than one sparsity."""
    places = [(one.context["mask"], one.recipe) for one in found]
    return len(set(places)) < len(places)


def accuracy_by_sparsity(found):
    """Mean accuracy of a list of `Summary` against sparsity, with the standard deviation over seeds."""
    figure, axes = drawing.figure(3)
    for label, rows, style in series(found):
        sparsities = [100 * one.context["sparsity"] for one in rows]
        means, spreads = [100 * one.mean for one in rows], [100 * (one.spread or 0) for one in rows]
        axes.errorbar(sparsities, means, spreads, capsize=3, markersize=5, label=label, **style)
    axes.set_xlim(right=min(axes.get_xlim()[1], 100))
    axes.set_xlabel("sparsity, %")
    axes.set_ylabel("accuracy, %")
    drawing.legend(axes)
    return drawing.svg(figure)


def series(found):
    """(label, rows by sparsity, style) of every line. Where there are several masks, the colour tells the mask."""
    masks = list(dict.fromkeys(one.context["mask"] for one in found))
    recipes = drawing.in_order(one.recipe for one in found)
    lines = {}
    for one in sorted(found, key=lambda one: one.context["sparsity"]):
        lines.setdefault((masks.index(one.context["mask"]), recipes.index(one.recipe)), []).append(one)
    for (mask, recipe), rows in sorted(lines.items()):
        style = drawing.look(recipe)
        if len(masks) > 1:
            style = {**drawing.look(2 + mask), "linestyle": drawing.LINES[recipe % len(drawing.LINES)]}
        style["marker"] = drawing.MARKERS[(recipe + mask // 6) % len(drawing.MARKERS)]  # colours repeat after six
        yield drawing.plain(f"{masks[mask]}, {drawing.name_of(recipes[recipe])}"), rows, style


def accuracy_by_recipe(found):
    """A row for each `Summary`: a dot for each seed, and a bar at their mean."""
    recipes = drawing.in_order(one.recipe for one in found)
    found = sorted(found, key=lambda one: (one.context["mask"], one.context["sparsity"], recipes.index(one.recipe)))
    figure, axes = drawing.figure(3)
    heights = drawing.rows(axes, [drawing.row_name(one, len(one.accuracies)) for one in found])
    for height, one in zip(heights, found, strict=True):
        colour = {NONE: drawing.COLOURS[0], drawing.FULL: drawing.COLOURS[1]}.get(one.recipe, "#7a7a7a")
        axes.plot([100 * one.mean], [height], "|", color=colour, markersize=13, markeredgewidth=2.5)
        values = [100 * value for value in one.accuracies.values()]
        axes.plot(values, [height] * len(values), "o", color=colour, markersize=5, alpha=0.6)
    axes.set_xlabel("accuracy, %")
    return drawing.svg(figure)
