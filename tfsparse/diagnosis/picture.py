"""A diagnosis as a picture."""

from matplotlib.figure import Figure

from tfsparse.files import written_aside


def draw(diagnosis, path):
    """Two bars a layer, its density and what of it lies on a path, and the shares of dead channels below.

    Args:
        diagnosis: `Diagnosis`.
        path: PNG file; appears when it is complete.
    """
    layers = diagnosis.layers
    places = range(len(layers))
    figure = Figure(figsize=(min(max(8, 0.25 * len(layers)), 24), 6.5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    above.bar(places, [layer.live / layer.total for layer in layers], color="#c9d6e8", label="live")
    if diagnosis.effective is not None:
        above.bar(places, [layer.effective / layer.total for layer in layers], 0.5, color="#2f5d9b", label="on a path")
    lowest = min((layer.live / layer.total for layer in layers if layer.live), default=1)
    above.set(yscale="log", ylim=(lowest / 3, 1.5), ylabel="density")
    for place, layer in zip(places, layers, strict=True):
        if layer.note:
            colour = "#b8860b" if layer.note == "few" else "#c0392b"
            above.annotate(layer.note, (place, lowest / 2.5), rotation=90, ha="center", va="bottom", color=colour)
    for sign, kind, colour in ((1, "inputs", "#7aa874"), (-1, "outputs", "#b5835a")):
        shares = [sign * getattr(layer, f"dead_{kind}") / getattr(layer, kind) for layer in layers]
        below.bar(places, shares, color=colour, label=f"dead {kind}")
    ticks = (-1, -0.5, 0, 0.5, 1)
    below.set(ylim=(-1.05, 1.05), yticks=ticks, yticklabels=[f"{abs(tick):.0%}" for tick in ticks], ylabel="channels")
    below.set_xticks(list(places), [layer.path.removesuffix("/kernel") for layer in layers], rotation=90, fontsize=7)
    for axes in (above, below):
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, fontsize=8)
        axes.grid(axis="y", alpha=0.3)
        axes.margins(x=0.01)
    figure.suptitle(str(diagnosis), fontsize=9, x=0.01, ha="left")
    with written_aside(path) as scratch:
        figure.savefig(scratch, format="png", dpi=110)
