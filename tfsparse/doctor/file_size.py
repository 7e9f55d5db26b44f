"""How many bytes a kernel takes in a TFLite file, stored dense and stored sparse."""

from tfsparse.compaction import BLOCK, LEAST, in_blocks


def stored_bytes(kernel, width):
    """(dense, sparse) bytes of a kernel's numbers in a file that is written with sparse tensors.

    A sparse tensor has one list for every place in all axes but the input channels, of the channels that have a value there:
    the value, its index (one byte up to 256 channels, two beyond), and where the list begins.

    Args:
        kernel: array [..., inputs, outputs].
        width: bytes of one number: 4, 2 or 1.

    >>> import numpy as np
    >>> kernel = np.zeros((3, 3, 64, 10))
    >>> kernel[0, 0, :, 0] = 1
    >>> stored_bytes(kernel, 4)
    (23040, 411)
    """
    live = kernel != 0
    dense = kernel.size * width
    if 1 - live.mean() < LEAST:
        return dense, dense
    inputs, rows = kernel.shape[-2], kernel.size // kernel.shape[-2]
    if width == 4 and in_blocks(kernel):
        blocks = int(live.reshape(inputs // BLOCK, BLOCK, -1).any(1).sum())
        return dense, blocks * (BLOCK * width + _index(inputs // BLOCK)) + (rows + 1) * _index(blocks)
    count = int(live.sum())
    return dense, count * (width + _index(inputs)) + (rows + 1) * _index(count)


def _index(limit):
    return 1 if limit < 257 else 2 if limit < 65537 else 4
