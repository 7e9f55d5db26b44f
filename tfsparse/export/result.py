"""What an export ends with: a result, or an error."""

import dataclasses
import pathlib
import zlib


class ExportError(RuntimeError):
    """The exported file does not do what the Keras model does; nothing was left under its name."""


@dataclasses.dataclass(frozen=True)
class ExportResult:
    """A file that was written, loaded back and compared with the Keras model.

    Args:
        path: the file, or the folder of a SavedModel.
        bytes: its size.
        gzip_bytes: its size compressed: what a download costs, where zeros are nearly free in any format.
        images: how many images the comparison used.
        max_difference: largest difference of a probability to the Keras model's.
        zeros: weights that are exactly 0.0 in the file, among those that the mask covers (without a mask: among the
            kernels that have zeros).
    """

    path: pathlib.Path
    bytes: int
    gzip_bytes: int
    images: int
    max_difference: float
    zeros: int


def sizes(path):
    """(bytes, gzipped bytes) of a file, or of all files in a folder.

    >>> import tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "zeros"
    >>> _ = path.write_bytes(bytes(10000))
    >>> sizes(path)[0], sizes(path)[1] < 100
    (10000, True)
    """
    raw = packed = 0
    for file in [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.is_file()):
        content = file.read_bytes()
        raw += len(content)
        packed += len(zlib.compress(content, wbits=31))
    return raw, packed
