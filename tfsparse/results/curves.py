"""The picture of learning curves."""

from matplotlib.ticker import MaxNLocator

from tfsparse.results import drawing
from tfsparse.results.statistics import NONE

_OTHERS = 6  # besides the default protocol and the full recipe: nobody can tell more curves apart


def curves_of(found):
    """Splits a list of `Summary` into those whose learning curves are shown, in order, and those with curves left out.

    Shown are the default protocol, the full recipe and, of the others, those with the most seeds.
    """
    logged = [one for one in found if any(run.curve("val_accuracy") for run in one.runs)]
    first = [one for recipe in (NONE, drawing.FULL) for one in logged if one.recipe == recipe]
    others = sorted((one for one in logged if one not in first), key=lambda one: -len(one.runs))
    return first + others[:_OTHERS], others[_OTHERS:]


def learning_curves(found):
    """Validation accuracy by epoch, the mean over seeds, and where ghosts leave, for what `curves_of` shows."""
    figure, axes = drawing.figure(2.8)
    recipes, left = drawing.in_order(one.recipe for one in found), set()
    for one in found:
        curves = [curve for curve in (run.curve("val_accuracy") for run in one.runs) if curve]
        epochs = sorted(set.intersection(*map(set, curves)))
        means = [100 * sum(curve[epoch] for curve in curves) / len(curves) for epoch in epochs]
        style = drawing.look(recipes.index(one.recipe))
        seeds = f"{len(curves)} seed{'s' if len(curves) > 1 else ''}"
        label = drawing.plain(f"{drawing.name_of(one.recipe)}, {seeds}")
        axes.plot(epochs, means, linewidth=1.3, label=label, **style)
        until = max(run.ghosts_until for run in one.runs)
        if 0 < until < max(epochs, default=0) and until not in left:  # else they stay to the end and never leave
            left.add(until)
            axes.axvline(until, color=style["color"], linewidth=1, linestyle="--", gid=f"ghosts-leave-{until}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.set_xlabel("epoch")
    axes.set_ylabel("validation accuracy, %")
    drawing.legend(axes)
    return drawing.svg(figure)
