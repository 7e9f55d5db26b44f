"""Where an export is written, and what may be replaced there."""

from tfsparse.export.card import card_path, read_card


def target(path, suffix):
    """The path of an export with its suffix; refuses to replace anything but an earlier export.

    An export is recognised by the card beside it, which holds the checksum of the file, or of every file in the folder.

    Args:
        path: `pathlib.Path`.
        suffix: of the format; "": a folder.

    Raises:
        ValueError: something else is there.
    """
    if suffix and path.suffix != suffix:
        path = path.with_name(path.name + suffix)
    if not path.exists() or (suffix == "" and path.is_dir() and not any(path.iterdir())):
        return path
    try:
        ours = path.is_dir() == (suffix == "") and read_card(path) is not None
    except ValueError:  # of another file, or damaged
        ours = False
    if not ours:
        raise ValueError(
            f"{path} is there already and is no earlier export of this format: {card_path(path).name} beside it would describe "
            "it. Choose another path, or delete it first."
        )
    return path
