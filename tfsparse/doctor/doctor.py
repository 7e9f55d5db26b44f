"""`doctor`: which layers of a masked network will run sparsely, where, and what the files will weigh."""

import math

import numpy as np
import tf_keras as keras

from tfsparse import paths
from tfsparse.compaction import compact as compacted
from tfsparse.compaction import in_blocks
from tfsparse.doctor.checkup import Checkup, LayerCheckup
from tfsparse.doctor.file_size import stored_bytes
from tfsparse.doctor.xnnpack import find_chain
from tfsparse.graph import clone
from tfsparse.mask import apply_mask, checked, prunable
from tfsparse.surgery import Surgery

_WIDTHS = {"tflite": 4, "tflite(dtype='float16')": 2, "tflite(dtype='int8')": 1}
_OTHERS = 4  # bytes of a bias, in every format


def doctor(model, mask=None, *, compact=True):
    """Says what LiteRT will make of a network under a mask, before it is trained.

    Args:
        model: built functional or Sequential model, plain; left as it is.
        mask: `Mask`, or a mapping from weight path to array of 0 and 1; None: the zeros that the model has.
        compact: whether dead channels are taken out first, as in the export.

    Returns:
        `Checkup`.

    Raises:
        ValueError: a subclassed model, whose graph cannot be seen; a mask that does not fit.

    >>> import numpy as np
    >>> import tf_keras as keras
    >>> dense = [keras.layers.Dense(8, input_shape=(8,), name="a"), keras.layers.Dense(8, name="b")]
    >>> live = np.zeros((8, 8), bool)
    >>> live[:4, ::2] = live[4:, 1::2] = True
    >>> found = doctor(keras.Sequential(dense), {"a/kernel": live, "b/kernel": np.ones((8, 8), bool)})
    >>> [(layer.path, layer.zeros, layer.arm, layer.avx) for layer in found.layers]
    [('a/kernel', 0.5, 'sparse', 'sparse'), ('b/kernel', 0.0, 'dense', 'dense')]
    """
    mask = checked(mask, model)
    if mask is not None:
        model = apply_mask(clone(model), mask)
    if compact:
        found = compacted(model)
        small, channels, parameters = found.model, found.channels, found.parameters
    else:
        small, channels, parameters = model, (0, 0), (model.count_params(),) * 2
    surgery = Surgery(small, "The doctor")
    chain = find_chain(surgery)
    kernels = {path: variable.numpy() for path, variable in prunable(small).items()}
    owners = {path: owner for path, _, owner in paths.owned_weights(small)}
    layers = tuple(_layer(path, kernel, owners[path], chain) for path, kernel in kernels.items())
    return Checkup(layers, chain.spoiler, chain.remedy, channels, parameters, _sizes(small, kernels))


def _layer(path, kernel, owner, chain):
    zeros = float(1 - np.count_nonzero(kernel) / kernel.size)
    where, reason = {"arm": "dense", "avx": "dense", "old_x86": "dense"}, ""
    if path.rsplit("/", 1)[0] in chain.paths:
        where = {"arm": "sparse", "avx": "dense", "old_x86": "sparse"}
        reason = "1x1 convolution in a fitting chain; not with AVX"
    elif in_blocks(kernel):
        where, reason = dict.fromkeys(where, "sparse"), "blocks of 4 inputs, float32"
    elif kernel.ndim == 2:
        reason = "zeros are not in blocks of 4 inputs: pattern='block(1x4)'" if zeros else "no zeros"
    elif kernel.shape[:2] == (1, 1):
        reason = f"spoilt by {chain.spoiler}" if chain.spoiler else "outside the chain"
    else:
        size = "x".join(map(str, getattr(owner, "kernel_size", ())))  # attention's kernels have none
        reason = f"{size} {type(owner).__name__} is never sparse".strip()
    return LayerCheckup(path, kernel.shape, zeros, **where, reason=reason)


def _sizes(model, kernels):
    """Format -> bytes of weights (dense, sparse). What norms hold is folded into biases, one for each channel."""
    biases = sum(
        _OTHERS * math.prod(kernel.shape[-2 if path.rsplit("/", 1)[-1].startswith("depthwise") else -1 :])
        for path, kernel in kernels.items()
    )
    rows = [row for row in paths.owned_weights(model) if not isinstance(row[2], keras.layers.BatchNormalization)]
    owners = {id(owner) for path, _, owner in rows if path in kernels}  # their biases are counted
    rest = [v.shape for path, v, owner in rows if path not in kernels and (v.shape.rank > 1 or id(owner) not in owners)]
    table = {}
    for format, width in _WIDTHS.items():
        others = biases + sum(math.prod(shape) * (width if len(shape) > 1 else _OTHERS) for shape in rest)
        pairs = [_pair(kernel, width) for kernel in kernels.values()]
        table[format] = tuple(others + sum(pair[column] for pair in pairs) for column in (0, 1))
    return table


def _pair(kernel, width):
    dense, sparse = stored_bytes(kernel, width)
    # LiteRT 2.3 takes no sparse dense layers in int8 and no blocks in float16: the export stores them dense.
    refused = (width == 1 and kernel.ndim == 2) or (width == 2 and in_blocks(kernel))
    return dense, dense if refused else sparse
