"""Smaller dense networks: channels that a mask has killed are taken out, and what is left computes the same.

    small = compact(model).model          # to export: constants are folded
    small = compact(model, mask).model    # to train on: only what training cannot revive goes

Channels are followed through the graph: a convolution reads some and writes others, a norm or an activation passes them on,
a sum ties those of its inputs together. An unknown layer passes none on, and all that it reads and writes stays.
"""

from tfsparse.compaction.arrivals import arrivals
from tfsparse.compaction.blocks import BLOCK, LEAST, in_blocks
from tfsparse.compaction.compact import compact
from tfsparse.compaction.compaction import Compaction

__all__ = ["BLOCK", "LEAST", "Compaction", "arrivals", "compact", "in_blocks"]
