"""Whether an exported file holds the mask's zeros."""

import numpy as np

from tfsparse import paths
from tfsparse.export.result import ExportError


def masked_kernels(model, mask):
    """The weights whose zeros an export must keep: path -> array.

    Args:
        model: Keras model.
        mask: mapping from weight path to boolean array, False where the weight must be zero; None: no mask, then all
            weights of two or more axes that have zeros.

    Raises:
        ValueError: the mask is for another architecture, or the model is not zero where the mask says so.
    """
    known = paths.weights(model)
    if mask is None:
        arrays = {name: v.numpy() for name, v in known.items() if len(v.shape) > 1 and v.dtype.is_floating}
        return {name: array for name, array in arrays.items() if not array.all()}
    arrays = {}
    for name, live in mask.items():
        if name not in known or tuple(known[name].shape) != np.shape(live):
            found = tuple(known[name].shape) if name in known else "no such weight"
            raise ValueError(
                f"Mask entry {name!r} has shape {np.shape(live)}, the model's weight: {found}. "
                "Was the mask found on another architecture?"
            )
        arrays[name] = known[name].numpy()
        wrong = np.count_nonzero(arrays[name][~np.asarray(live, bool)])
        if wrong:
            raise ValueError(
                f"{wrong} weights of {name!r} are not zero although the mask prunes them. "
                "Was the model trained without its mask (ts.sparsify)?"
            )
    return arrays


def check_zeros(kernels, constants):
    """Checks that a file's weights are zero wherever the model's are, and counts the zeros.

    Formats rename, transpose and rescale weights, so a kernel is recognised by its values: the same up to a factor for
    each output channel, in any of the layouts in use. What the format merged beyond recognition is checked by number:
    no more non-zero values than the kernels of that size have together.

    Args:
        kernels: path -> array, from `masked_kernels`.
        constants: arrays in the file.

    Returns:
        Number of exact zeros in the file's kernels.

    Raises:
        ExportError: a zero is lost; names the weight.
    """
    zeros, lost, used = 0, {}, set()
    for name, kernel in kernels.items():
        places = [i for i, constant in enumerate(constants) if constant.size == kernel.size and _same(kernel, constant)]
        used.update(places)
        if places:
            zeros += min(kernel.size - int(np.count_nonzero(constants[i])) for i in places)
        else:
            lost[name] = kernel
    for size in sorted({kernel.size for kernel in lost.values()}):
        names = [name for name, kernel in lost.items() if kernel.size == size]
        allowed = sum(np.count_nonzero(lost[name]) for name in names)
        rest = [c for i, c in enumerate(constants) if i not in used and c.size == size]
        stored = sum(np.count_nonzero(constant) for constant in rest)
        if stored > allowed:
            raise ExportError(
                f"Zeros are lost: the file holds {stored} non-zero values where {', '.join(names)} have {allowed}."
            )
        zeros += sum(lost[name].size for name in names) - int(allowed)
    return zeros


def _same(kernel, constant):
    """Whether `constant` is `kernel` up to its layout and a factor per output channel, zeros exactly kept."""
    for rows in _layouts(kernel):
        for stored in (constant.reshape(constant.shape[0], -1), constant.reshape(-1, constant.shape[-1]).T):
            if rows.shape == stored.shape and _scaled(rows, stored):
                return not stored[rows == 0].any()
    return False


def _layouts(kernel):
    """Matrices [output channel, rest] of a Keras kernel, one for each kind of layer."""
    yield kernel.reshape(-1, kernel.shape[-1]).T  # Dense, convolutions
    if kernel.ndim > 2:
        yield kernel.reshape(-1, kernel.shape[-2] * kernel.shape[-1]).T  # depthwise: channels times multiplier
        yield np.moveaxis(kernel, -2, 0).reshape(kernel.shape[-2], -1)  # transposed convolutions
        yield kernel.reshape(kernel.shape[0], -1).T  # EinsumDense, attention


def _scaled(rows, stored):
    square = np.einsum("ij,ij->i", rows, rows)
    factor = np.einsum("ij,ij->i", rows, stored) / np.where(square > 0, square, 1)
    return bool((np.abs(stored - factor[:, None] * rows) <= 1e-4 * np.abs(stored).max(-1, keepdims=True)).all())
