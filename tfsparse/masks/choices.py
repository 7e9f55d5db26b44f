"""The options that all mask methods have in common."""

import dataclasses
import math

from tfsparse.mask.axes import channel_axes
from tfsparse.mask.mask_file import check_mask_file, is_mask_file, read_mask_file
from tfsparse.masks.allocations import find_allocation
from tfsparse.masks.last_kernels import last_kernels
from tfsparse.masks.patterns import find_pattern
from tfsparse.values import one_of, whole

SANITY = ("shuffle", "reinitialize", "invert")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choices:
    """How the budget is spent, whatever the scores are: options of every mask method, as in `"snip(batches=4, pattern='2:4')"`.

    Args:
        allocation: how the budget is spread over the layers: `"global"`, `"uniform"`, `"erk"`, `"balanced"`, `"smart_ratio"`,
            another `Mask` or mask file (`.safetensors`, `.npz`) whose densities are copied; None: the method's own.
        pattern: which weights live or die together: `"2:4"`, `"block(1x4)"`, `"filter"`; None: single weights.
        min_per_layer: the least number of weights that each layer keeps, if it has as many; with blocks or filters, as many
            whole ones as this takes.
        sanity: one of the literature's sanity checks (Frankle et al., "Pruning Neural Networks at Initialization: Why Are
            We Missing the Mark?", 2021; Su et al., 2020). A method that knows which weights matter should lose by them.
            `"shuffle"`: each layer's live weights are drawn anew, in the same number; `"reinitialize"`: the mask is
            found on initial weights other than those it will be trained with; `"invert"`: the lowest scores are kept.

    Raises:
        ValueError: unknown name, or out of range. FileNotFoundError: no such mask file.
    """

    allocation: object = None
    pattern: str | None = None
    min_per_layer: int = 0
    sanity: str | None = None

    def __post_init__(self):
        if is_mask_file(self.allocation):
            check_mask_file(self.allocation)
        else:
            find_allocation("global" if self.allocation is None else self.allocation)
        find_pattern(self.pattern, {})
        object.__setattr__(self, "min_per_layer", whole(self.min_per_layer, "min_per_layer", least=0))
        one_of(self.sanity, "sanity", (None, *SANITY))

    def read(self, model):
        """The same choices; if `allocation` is the path of a mask file, the mask itself takes its place."""
        if not is_mask_file(self.allocation):
            return self
        return dataclasses.replace(self, allocation=read_mask_file(self.allocation, model))

    def pattern_for(self, search):
        """The pattern, checked against the layers of the search."""
        last = last_kernels(search.model) if self.pattern == "filter" else ()
        pattern = find_pattern(self.pattern, channel_axes(search.model), last)
        shapes = {path: tuple(variable.shape) for path, variable in search.weights.items()}
        pattern.check(shapes, search.count)
        kept_whole = pattern.whole(shapes)
        needed = {
            p: math.prod(s) if p in kept_whole else pattern.whole_cells(p, s, self.min_per_layer)
            for p, s in shapes.items()
        }
        least = sum(needed.values()) if self.min_per_layer else 0
        if least > search.count:
            in_cells = f" in whole cells of the pattern {self.pattern}" if self.pattern else ""
            raise ValueError(
                f"min_per_layer={self.min_per_layer} needs {least:,} live weights{in_cells}; sparsity={search.sparsity} leaves "
                f"{search.count:,}. Lower one of the two."
            )
        return pattern
