"""A mask as a table for the terminal."""

from rich.table import Table

FEW = 10  # live weights below which a layer is marked


def mask_table(mask):
    """What lives in each layer, and in all.

    Layers of which nothing lives are marked red, those with fewer than 10 live weights yellow.

    Args:
        mask: `Mask`.

    Returns:
        `rich.table.Table`; print it with `rich.console.Console().print`.

    >>> from tfsparse.mask import Mask
    >>> table = mask_table(Mask({"head/kernel": [[1, 0], [0, 0]]}))
    >>> [list(column.cells)[0] for column in table.columns]
    ['head/kernel', '2x2', '1', '4', '25.00%', 'few']
    """
    table = Table("layer", "shape", show_footer=False)
    for name in ("live", "total", "density"):
        table.add_column(name, justify="right")
    table.add_column("note")
    for path, array in mask.items():
        live = int(array.sum())
        note, style = (
            ("empty", "red") if live == 0 else ("few", "yellow") if live < min(FEW, array.size) else ("", None)
        )
        shape = "x".join(str(length) for length in array.shape)
        table.add_row(path, shape, *_counts(live, array.size), note, style=style)
    table.add_section()
    table.add_row("all", "", *_counts(mask.live, mask.total), "", style="bold")
    return table


def _counts(live, total):
    return f"{live:,}", f"{total:,}", f"{live / total:.2%}"
