"""Patterns: which weights live or die together.

- `"2:4"` (n:m): of every m consecutive input channels, at most n live, for each output and each place of the kernel.
- `"block(1x4)"` (a x b): blocks of a output units by b consecutive input channels.
- `"filter"`: whole filters, all weights that lead to one output channel. The last layers, whose filters are
  the network's outputs, are kept whole.

A pattern turns the scores of weights into those of cells (single weights, blocks, filters), and cells back into weights.
"""

import re

from tfsparse.masks.cells import Block, Filter
from tfsparse.masks.of_every import OfEvery
from tfsparse.masks.pattern import Pattern


def find_pattern(text, axes, last=()):
    """The pattern that `text` names.

    Args:
        text: `"2:4"`, `"block(1x4)"`, `"filter"`, or None: single weights.
        axes: path -> (axes of the input channels, of the output channels).
        last: paths of the kernels that make the network's outputs.

    Raises:
        ValueError: not a pattern.
    """
    if text is None:
        return Pattern(axes)
    if text == "filter":
        return Filter(axes, last)
    numbers = re.fullmatch(r"(\d+):(\d+)|block\((\d+)x(\d+)\)", str(text).replace(" ", ""))
    n, m, a, b = (int(number or 0) for number in numbers.groups()) if numbers else (0, 0, 0, 0)
    if 0 < n <= m:
        return OfEvery(axes, n, m)
    if a and b:
        return Block(axes, a, b)
    raise ValueError(
        f"Unknown pattern {text!r}. Known: 'n:m' such as '2:4', 'block(1x4)' (outputs x inputs), 'filter'."
    )
