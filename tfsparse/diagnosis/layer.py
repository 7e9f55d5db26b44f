"""The diagnosis of one layer."""

import dataclasses
import math

FEW = 10  # live weights; a layer with fewer hangs by few


@dataclasses.dataclass(frozen=True)
class LayerDiagnosis:
    """One masked weight.

    Args:
        path: of the weight.
        shape: of the weight.
        live: weights that live.
        effective: live weights that lie on a path from the inputs to the outputs; None if not known.
        inputs, outputs: channels that it reads and writes; `dead_inputs`, `dead_outputs`: those with no live weight.
        dense_flops, sparse_flops: of all weights, and of the live ones, for one example.
    """

    path: str
    shape: tuple
    live: int
    effective: int | None
    inputs: int
    dead_inputs: int
    outputs: int
    dead_outputs: int
    dense_flops: int
    sparse_flops: int

    @property
    def total(self):
        """Number of weights."""
        return math.prod(self.shape)

    @property
    def note(self):
        """`"empty"`: nothing lives; `"cut off"`: nothing that lives is on a path; `"few"`: fewer than 10 live; or `""`."""
        if not self.live:
            return "empty"
        if self.effective == 0:
            return "cut off"
        return "few" if self.live < min(FEW, self.total) else ""

    def to_dict(self):
        """All numbers, in types that JSON can hold."""
        return {**dataclasses.asdict(self), "shape": list(self.shape), "total": self.total, "note": self.note}
