"""Patterns of cells: boxes of weights that live or die together."""

import math

from tfsparse.masks.pattern import Pattern, check_divides


class _Cells(Pattern):
    """Cells that are boxes: `box` gives the shape of one."""

    def pool(self, path, array):
        box = self.box(path, array.shape)
        split = [n for length, edge in zip(array.shape, box, strict=True) for n in (length // edge, edge)]
        inner = tuple(range(1, 2 * array.ndim, 2))
        cells = array.reshape(split)
        return cells.any(axis=inner) if array.dtype == bool else cells.mean(axis=inner)

    def expand(self, path, cells, shape):
        for axis, edge in enumerate(self.box(path, shape)):
            cells = cells.repeat(edge, axis=axis)
        return cells

    def size(self, path, shape):
        return math.prod(self.box(path, shape))


class Block(_Cells):
    """Blocks of `outputs` units by `inputs` consecutive input channels."""

    def __init__(self, axes, outputs, inputs):
        super().__init__(axes)
        self.outputs, self.inputs = outputs, inputs

    def box(self, path, shape):
        into, out = self.axes[path]
        edges = {into[-1]: self.inputs, out[-1]: self.outputs}  # a depthwise kernel's input is an output axis as well
        return tuple(edges.get(axis, 1) for axis in range(len(shape)))

    def check(self, shapes, count):
        for path, shape in shapes.items():
            check_divides(path, shape, self.box(path, shape), f"block({self.outputs}x{self.inputs})")


class Filter(_Cells):
    """All weights that lead to one output channel."""

    def __init__(self, axes, last=()):
        super().__init__(axes)
        self.last = last

    def box(self, path, shape):
        return tuple(1 if axis in self.axes[path][1] else length for axis, length in enumerate(shape))

    def check(self, shapes, count):
        whole = {path: math.prod(shapes[path]) for path in self.whole(shapes)}
        if whole and sum(whole.values()) >= count:
            layers, have = ("layer", "alone has") if len(whole) == 1 else ("layers", "alone have")
            raise ValueError(
                f"The pattern 'filter' keeps the last {layers} whole, and {', '.join(whole)} {have} {sum(whole.values()):,} "
                f"weights where {count:,} shall live. Lower the sparsity, or leave it out of the count: exclude={list(whole)}."
            )

    def whole(self, shapes):
        return [path for path in shapes if path in self.last]
