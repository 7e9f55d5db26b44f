"""What a pattern of live weights is; the base class stands for no pattern."""

import math


class Pattern:
    """No pattern: every weight is a cell of its own."""

    def __init__(self, axes):
        self.axes = axes

    def size(self, path, shape):
        """Weights in a cell."""
        return 1

    def whole_cells(self, path, shape, count):
        """The least number of weights that fills whole cells and is at least `count`; at most all weights."""
        size = self.size(path, shape)
        return min(-(-count // size) * size, math.prod(shape))

    def check(self, shapes, count):
        """Raises ValueError if the pattern does not divide a layer, or cannot have `count` live weights."""

    def limit(self, scores, live, density, random):
        """The weights of `live` that may stay at `density`."""
        return live

    def count(self, shapes, density, count):
        """How many weights live at `density`, in a round before the last; without a pattern, `count`."""
        return count

    def whole(self, shapes):
        """Paths of layers that are kept whole."""
        return []

    def pool(self, path, array):
        """Cells of an array of weights: their mean; of booleans: whether any is True."""
        return array

    def expand(self, path, cells, shape):
        """The weights of an array of cells."""
        return cells


def check_divides(path, shape, box, pattern):
    """Raises ValueError if boxes of shape `box` do not divide the weight at `path`."""
    for axis, (length, edge) in enumerate(zip(shape, box, strict=True)):
        if length % edge:
            raise ValueError(
                f"The pattern {pattern} does not divide {path!r}, whose shape is {tuple(shape)}: {length} channels on "
                f"axis {axis} are no multiple of {edge}. Leave the layer dense: exclude={path!r}."
            )
