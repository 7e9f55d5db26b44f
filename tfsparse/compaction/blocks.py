"""Dense layers whose zeros come in blocks, which LiteRT computes sparsely."""

BLOCK = 4  # consecutive inputs of one unit
LEAST = 0.3  # share of zeros from which TensorFlow Lite's converter stores a tensor sparsely


def in_blocks(kernel):
    """Whether TensorFlow Lite's converter stores a dense layer's kernel [inputs, outputs] in blocks of four inputs.

    >>> import numpy as np
    >>> kernel = np.ones((8, 6))
    >>> kernel[:4, :3] = kernel[4:, 3:] = 0
    >>> in_blocks(kernel), in_blocks(kernel[2:6])
    (True, False)
    """
    if kernel.ndim != 2 or kernel.shape[0] % BLOCK or not kernel.size:
        return False
    live = kernel != 0
    blocks = live.reshape(-1, BLOCK, kernel.shape[1]).any(1)
    zeros = 1 - live.mean()
    return bool(zeros >= LEAST and 1 - blocks.mean() > 0.9 * zeros)


def broken(stays):
    """The inputs that would go but must stay, so that no block is broken: boolean array.

    >>> import numpy as np
    >>> broken(np.array([True, False, True, True, False, False, False, False])).tolist()
    [False, True, False, False, False, False, False, False]
    """
    groups = stays.reshape(-1, BLOCK)
    return (groups.any(1, keepdims=True) & ~groups).ravel()
