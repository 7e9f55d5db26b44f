"""What an export ends with: a result, or an error."""

import dataclasses
import pathlib
import zlib


class ExportError(RuntimeError):
    """A network cannot be exported: the format cannot hold it, or the file would not do what the Keras model does. Nothing is
    left under the file's name."""


@dataclasses.dataclass(frozen=True)
class ExportResult:
    """A file that was written, loaded back and compared with the Keras model.

    Args:
        path: the file, or the folder of a SavedModel.
        bytes: its size.
        gzip_bytes: its size compressed: what a download costs, where zeros are nearly free in any format.
        images: how many images the comparison used.
        max_difference: largest difference of a probability from the Keras model's (other outputs: see `compare`).
        moved: probability that moved from one class to another, mean over images.
        zeros: weights that are exactly 0.0 in the file, among those that the mask covers (without a mask: among the
            kernels that have zeros).
        variant: how it is stored, `"dense"` or `"sparse"`.
        parameters: of the network, before and after channels were taken out; `channels`, `flops` (for one image, a
            multiply-add counting two; None: not known) likewise.
    """

    path: pathlib.Path
    bytes: int
    gzip_bytes: int
    images: int
    max_difference: float
    moved: float
    zeros: int
    variant: str
    parameters: tuple
    channels: tuple
    flops: tuple | None

    def __str__(self):
        rows = [("channels", self.channels), ("parameters", self.parameters), ("operations", self.flops)]
        left = ", ".join(f"{after:,} of {before:,} {name}" for name, (before, after) in ((n, p) for n, p in rows if p))
        off = f"off by {self.max_difference:.1e} at most, {self.moved:.1e} in the mean"
        return f"{self.path}: {self.bytes:,} bytes ({self.gzip_bytes:,} gzipped), {self.variant}, {off}; {left}"


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
