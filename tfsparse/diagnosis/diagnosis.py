"""The numbers of a diagnosis, and its forms: table, JSON, picture."""

import dataclasses

from rich.table import Table

from tfsparse.diagnosis.picture import draw
from tfsparse.files import write_json


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """What a mask leaves of a network; `print` it, or use `table`, `save_json`, `plot`.

    Args:
        layers: tuple of `LayerDiagnosis`, in the order of the layers.
        other_flops: of the kernels that the mask leaves alone.
    """

    layers: tuple
    other_flops: int = 0

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
        """Live weights on a path from the inputs to the outputs; None if the model's graph is hidden."""
        return None if any(layer.effective is None for layer in self.layers) else self._sum("effective")

    @property
    def sparsity(self):
        """Share of the weights that are zero."""
        return 1 - self.live / self.total

    @property
    def effective_sparsity(self):
        """Share of the weights that do nothing: zero, or on no path; None if the model's graph is hidden."""
        return None if self.effective is None else 1 - self.effective / self.total

    @property
    def dense_flops(self):
        """Floating-point operations of all convolution and dense kernels for one example, a multiply-add being two."""
        return self._sum("dense_flops") + self.other_flops

    @property
    def sparse_flops(self):
        """As `dense_flops`, counting live weights only. What of it is saved depends on the processor."""
        return self._sum("sparse_flops") + self.other_flops

    @property
    def empty(self):
        """Paths of the weights of which nothing lives."""
        return [layer.path for layer in self.layers if not layer.live]

    @property
    def few(self):
        """Paths of the weights that hang by few: fewer than 10 live."""
        return [layer.path for layer in self.layers if layer.note == "few"]

    @property
    def disconnected(self):
        """Whether no path leads through masked weights from the inputs to the outputs: the outputs are constant."""
        return self.effective == 0

    def to_dict(self):
        """All numbers as JSON holds them."""
        names = ("total", "live", "effective", "sparsity", "effective_sparsity", "dense_flops", "sparse_flops")
        rows = [
            {**dataclasses.asdict(x), "shape": list(x.shape), "total": x.total, "note": x.note} for x in self.layers
        ]
        lists = {"disconnected": self.disconnected, "empty": self.empty, "few": self.few}
        return {**{name: getattr(self, name) for name in names}, **lists, "layers": rows}

    def save_json(self, path):
        """Writes `to_dict` as JSON."""
        write_json(path, self.to_dict())

    def plot(self, path):
        """Draws the layers' densities and dead channels as a PNG file."""
        draw(self, path)

    def table(self):
        """The layers as a `rich.table.Table`; empty ones red, those that hang by few weights yellow."""
        table = Table()
        table.add_column("layer", no_wrap=True, min_width=min(40, max(len(layer.path) for layer in self.layers)))
        for name in ("live", "of", "density", "on a path", "dead in", "dead out", "MFLOPs"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("note")
        styles = {"empty": "red", "cut off": "red", "few": "yellow"}
        for x in self.layers:
            channels = (f"{x.dead_inputs}/{x.inputs}", f"{x.dead_outputs}/{x.outputs}")
            counts = _counts(x.live, x.total, x.effective)
            table.add_row(x.path, *counts, *channels, _mega(x.sparse_flops), x.note, style=styles.get(x.note))
        table.add_section()
        note = "no path from inputs to outputs" if self.disconnected else ""
        counts = _counts(self.live, self.total, self.effective)
        table.add_row("all", *counts, "", "", _mega(self.sparse_flops), note, style="bold")
        return table

    def __str__(self):
        effective = (
            ""
            if self.effective is None
            else f", {self.effective:,} on a path ({self.effective_sparsity:.2%} do nothing)"
        )
        share = self.sparse_flops / self.dense_flops if self.dense_flops else 0
        return (
            f"{self.live:,} of {self.total:,} weights live{effective}; {share:.1%} of {_mega(self.dense_flops)} MFLOPs"
        )


def _counts(live, total, effective):
    return f"{live:,}", f"{total:,}", f"{live / total:.2%}", "" if effective is None else f"{effective:,}"


def _mega(flops):
    return f"{flops / 1e6:,.2f}"
