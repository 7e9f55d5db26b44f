"""How many bytes a kernel takes in a TFLite file, stored dense and stored sparse."""

_LEAST = 0.3  # share of zeros from which the converter stores a tensor sparsely
_BLOCK = 4  # inputs of one unit of a dense layer that are stored together, float32


def stored_bytes(kernel, width):
    """(dense, sparse) bytes of a kernel's numbers in a file that is written with sparse tensors.

    A sparse tensor lists, for every place but the input channels, which of those have a value: value, index (one byte up to 256
    channels, two beyond) and where each list begins.

    Args:
        kernel: array [..., inputs, outputs].
        width: bytes of one number: 4, 2 or 1.

    >>> kernel = np.zeros((3, 3, 64, 10))
    >>> kernel[0, 0, :, 0] = 1
    >>> stored_bytes(kernel, 4)
    (23040, 411)
    """
    live = kernel != 0
    dense = kernel.size * width
    if 1 - live.mean() < _LEAST:
        return dense, dense
    inputs, rows = kernel.shape[-2], kernel.size // kernel.shape[-2]
    if width == 4 and runs_in_blocks(kernel):
        blocks = int(live.reshape(inputs // _BLOCK, _BLOCK, -1).any(1).sum())
        return dense, blocks * (_BLOCK * width + _index(inputs // _BLOCK)) + (rows + 1) * _index(blocks)
    count = int(live.sum())
    return dense, count * (width + _index(inputs)) + (rows + 1) * _index(count)


def runs_in_blocks(kernel):
    """Whether the converter stores a dense layer's kernel [inputs, outputs] in blocks, which LiteRT's sparse kernel takes."""
    if kernel.ndim != 2 or kernel.shape[0] % _BLOCK:
        return False
    live = kernel != 0
    blocks = live.reshape(-1, _BLOCK, kernel.shape[1]).any(1)
    zeros = 1 - live.mean()
    return zeros >= _LEAST and 1 - blocks.mean() > 0.9 * zeros


def _index(limit):
    return 1 if limit < 257 else 2 if limit < 65537 else 4
