"""What the doctor found."""

import dataclasses

from rich.table import Table


@dataclasses.dataclass(frozen=True)
class LayerCheckup:
    """One kernel.

    Args:
        path: of the weight.
        shape: of the kernel in the exported network.
        zeros: share that is zero.
        arm: how LiteRT computes it on ARM: `"sparse"` or `"dense"`.
        avx: likewise on x86 with AVX, all current ones; `old_x86`: without.
        reason: why it is dense, or what makes it sparse.
    """

    path: str
    shape: tuple
    zeros: float
    arm: str
    avx: str
    old_x86: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Checkup:
    """What LiteRT will make of a masked network.

    Args:
        layers: tuple of `LayerCheckup`.
        spoiler: path of the first layer that keeps 1x1 convolutions dense; None: nothing does.
        remedy: the change that mends it.
        channels: before and after dead ones are taken out; both 0 if none is to be taken out. `parameters`: before and after.
        sizes: bytes expected in a file, of the weights alone (the graph comes on top): format -> (stored dense, sparse).
    """

    layers: tuple
    spoiler: str | None
    remedy: str
    channels: tuple
    parameters: tuple
    sizes: dict

    def __str__(self):
        (before, after), (large, small) = self.channels, self.parameters
        taken = f"{before - after:,} of {before:,} channels are dead and will be taken out: {large:,} -> {small:,} parameters, "
        lines = [
            f"{taken}on every processor."
            if before
            else f"No channel is looked at to be taken out: {large:,} parameters.",
            self._sparse("ARM", "arm"),
            self._sparse("x86 with AVX", "avx"),
            self._sparse("x86 without AVX", "old_x86"),
        ]
        if self.spoiler:
            lines.append(f"1x1 convolutions stay dense because of {self.spoiler}: {self.remedy}")
        for format, (dense, sparse) in self.sizes.items():
            lines.append(f"{format}: about {dense:,} bytes dense, {sparse:,} sparse, weights alone")
        return "\n".join(lines)

    def _sparse(self, name, field):
        count = sum(getattr(layer, field) == "sparse" for layer in self.layers)
        return f"{name}: {count} of {len(self.layers)} kernels run sparse"

    def table(self):
        """The layers as a rich table."""
        table = Table("kernel", "shape", "zeros", "ARM", "x86 AVX", "x86 old", "why")
        for row in self.layers:
            shape = "x".join(map(str, row.shape))
            table.add_row(row.path, shape, f"{row.zeros:.1%}", row.arm, row.avx, row.old_x86, row.reason)
        return table
