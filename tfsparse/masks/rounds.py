"""Rounds of a long search, kept in a folder: a search that was stopped resumes after the last finished round."""

import contextlib
import pathlib
import re
import tempfile

from tfsparse.files import write_or_compare
from tfsparse.mask.mask import Mask

_NAME = re.compile(r"round(\d+)\.safetensors$")


class Rounds:
    """The masks after the finished rounds of one search: `round1.safetensors`, `round2.safetensors`, ...

    Args:
        folder: created if it does not exist.
        settings: what decides the search's outcome, as JSON holds it.

    Raises:
        ValueError: the folder holds the rounds of another search.
    """

    def __init__(self, folder, settings):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_or_compare(self.folder / "search.json", settings, "the rounds of another search")

    def last(self, search):
        """(number of finished rounds, mask after the last as path -> boolean array)."""
        found = {int(match[1]): path for path in self.folder.iterdir() if (match := _NAME.match(path.name))}
        if not found:
            return 0, search.everything
        number = max(found)
        mask = Mask.load(found[number])
        mask.check(search.model)
        return number, {path: mask[path] for path in search.weights}

    def keep(self, number, live):
        """Saves the mask after round `number`."""
        Mask(live, {"round": number}).save(self.folder / f"round{number}.safetensors")


@contextlib.contextmanager
def workplace(folder):
    """Yields the folder; for None, a temporary one that is deleted at the end."""
    if folder is not None:
        yield pathlib.Path(folder)
    else:
        with tempfile.TemporaryDirectory(prefix="tfsparse_") as scratch:
            yield pathlib.Path(scratch)
