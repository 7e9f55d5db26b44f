"""A diagnosis as a table on the terminal."""

from rich.markup import escape
from rich.table import Table

_STYLES = {"empty": "red", "cut off": "red", "few": "yellow"}
_COLUMNS = ("live", "of", "density", "on a path", "dead in", "dead out", "MFLOPs")


def tabulate(diagnosis):
    """One row a layer, and one for all.

    Args:
        diagnosis: `Diagnosis`.

    Returns:
        `rich.table.Table`.
    """
    layers = diagnosis.layers
    unknown = f"What lies on a path is not known: {escape(diagnosis.unknown)}." if diagnosis.unknown else None
    table = Table(caption=unknown, caption_justify="left")
    table.add_column("layer", no_wrap=True, min_width=min(40, max(len(layer.path) for layer in layers)))
    for name in _COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("note")
    for layer in layers:
        channels = (f"{layer.dead_inputs}/{layer.inputs}", f"{layer.dead_outputs}/{layer.outputs}")
        cells = (*_counts(layer), *channels, _mega(layer.sparse_flops), layer.note)
        table.add_row(escape(layer.path), *cells, style=_STYLES.get(layer.note))
    table.add_section()
    note = "no path from inputs to outputs" if diagnosis.disconnected else ""
    table.add_row("all", *_counts(diagnosis), "", "", _mega(diagnosis.sparse_flops), note, style="bold")
    return table


def _counts(x):
    on_path = "?" if x.effective is None else f"{x.effective:,}"
    return f"{x.live:,}", f"{x.total:,}", f"{x.live / x.total:.2%}", on_path


def _mega(flops):
    return f"{flops / 1e6:,.3f}"


def amount(number):
    """A large number with the letter of its unit.

    >>> amount(950), amount(12_340), amount(81_630_000), amount(7_730_000_000)
    ('950 ', '12.34 k', '81.63 M', '7.73 G')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:,.2f} {letter}"
    return f"{number} "
