"""The numbers of a diagnosis, and its forms: table, JSON, picture."""

import dataclasses

from tfsparse.diagnosis.picture import draw
from tfsparse.diagnosis.table import amount, tabulate
from tfsparse.files import write_json


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """What a mask leaves of a network; `print` it, or use `table`, `save_json`, `plot`.

    Args:
        layers: tuple of `LayerDiagnosis`, in the order of the layers.
        other_flops: of the kernels that the mask leaves alone.
        connected: whether the outputs depend on the inputs; None if not known.
        unknown: why `connected` and `effective` are not known; "" if they are.
    """

    layers: tuple
    other_flops: int = 0
    connected: bool | None = None
    unknown: str = ""

    def _sum(self, name):
        return sum(getattr(layer, name) for layer in self.layers)

    @property
    def total(self):
        """Masked weights, dead ones too."""
        return self._sum("total")

    @property
    def live(self):
        """Weights that live."""
        return self._sum("live")

    @property
    def effective(self):
        """Live weights on a path from the inputs to the outputs; None if not known."""
        return None if any(layer.effective is None for layer in self.layers) else self._sum("effective")

    @property
    def sparsity(self):
        """Share of the weights that are zero."""
        return 1 - self.live / self.total

    @property
    def effective_sparsity(self):
        """Share of the weights that do nothing: zero, or on no path; None if not known."""
        return None if self.effective is None else 1 - self.effective / self.total

    @property
    def dense_flops(self):
        """Floating-point operations of all convolution and dense kernels for one example, a multiply-add being two."""
        return self._sum("dense_flops") + self.other_flops

    @property
    def sparse_flops(self):
        """As `dense_flops`, counting live weights only. What is really saved depends on the processor."""
        return self._sum("sparse_flops") + self.other_flops

    @property
    def empty(self):
        """Paths of the weights in which nothing lives."""
        return [layer.path for layer in self.layers if not layer.live]

    @property
    def few(self):
        """Paths of the weights that hang by few: fewer than 10 live."""
        return [layer.path for layer in self.layers if layer.note == "few"]

    @property
    def disconnected(self):
        """Whether no path leads from the inputs to the outputs, not even around masked weights: the outputs are constant."""
        return self.connected is False

    def to_dict(self):
        """All numbers, in types that JSON can hold.

        Returns:
            dict: the properties, and `layers`, a list of dicts.
        """
        names = ("total", "live", "effective", "sparsity", "effective_sparsity", "dense_flops", "sparse_flops")
        names += ("disconnected", "unknown", "empty", "few")
        return {**{name: getattr(self, name) for name in names}, "layers": [layer.to_dict() for layer in self.layers]}

    def save_json(self, path):
        """Writes `to_dict` as JSON, whole or not at all.

        Args:
            path: of the file.
        """
        write_json(path, self.to_dict())

    def plot(self, path):
        """Draws the layers' densities and dead channels, one row a layer.

        Args:
            path: of a PNG file, or of an SVG file.

        Raises:
            ValueError: the path ends in neither.
        """
        draw(self, path)

    def table(self):
        """The layers as a `rich.table.Table`; empty ones and those cut off red, those that hang by few weights yellow.

        Returns:
            `rich.table.Table`.
        """
        return tabulate(self)

    def __str__(self):
        on_path = "paths unknown"
        if self.effective is not None:
            on_path = f"{self.effective:,} on a path (effective sparsity {self.effective_sparsity:.2%})"
        share = self.sparse_flops / self.dense_flops if self.dense_flops else 0
        return (
            f"{self.live:,} of {self.total:,} weights live, {on_path}; {share:.1%} of {amount(self.dense_flops)}FLOPs"
        )
