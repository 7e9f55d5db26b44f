"""Whether an exported file holds the mask's zeros."""

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from tfsparse import paths
from tfsparse.export.result import ExportError
from tfsparse.mask.sparsify import refuse_text


class NotZero(ValueError):
    """A weight that a mask prunes is not 0."""


def masked_kernels(model, mask):
    """The weights whose zeros an export must keep: path -> array.

    Args:
        model: Keras model.
        mask: mapping from weight path to boolean array, False where the weight must be zero; None: all weights of
            two or more axes.

    Raises:
        ValueError: the mask is for another architecture, or the model is not zero where the mask says so.
    """
    known = paths.weights(model)
    refuse_text(mask)
    if mask is None:
        return {name: v.numpy() for name, v in known.items() if len(v.shape) > 1 and v.dtype.is_floating}
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
            raise NotZero(
                f"{wrong} weights of {name!r} are not zero although the mask prunes them. "
                "Was the model trained without its mask (ts.sparsify)?"
            )
    return arrays


def check_zeros(kernels, constants):
    """Checks that a file's weights are zero wherever the model's are, and counts the zeros.

    Formats rename, transpose, rescale and round weights, so a kernel is recognised by the places of its zeros, in any of the
    layouts in use, and each kernel by an array of its own. Kernels merged beyond recognition are checked by number:
    the other arrays of that size must hold no more non-zero values than those kernels and the ones without a zero together.

    Args:
        kernels: path -> array, from `masked_kernels`: all of the model, with zeros and without.
        constants: arrays in the file.

    Returns:
        Number of exact zeros in the file's kernels.

    Raises:
        ExportError: a zero is lost; names the weight.
    """
    full = {name: kernel for name, kernel in kernels.items() if kernel.all()}
    places = matched({name: kernel for name, kernel in kernels.items() if name not in full}, constants)
    zeros = sum(constants[place].size - int(np.count_nonzero(constants[place])) for place in places.values())
    missing = {name: kernel for name, kernel in kernels.items() if name not in places and name not in full}
    # A kernel without a live weight, if the format dropped it, has no zero to lose; the outputs are compared elsewhere.
    zeros += sum(kernel.size for kernel in missing.values() if not kernel.any())
    lost = {name: kernel for name, kernel in missing.items() if kernel.any()}
    for size in sorted({kernel.size for kernel in lost.values()}):
        names = [name for name, kernel in lost.items() if kernel.size == size]
        live = sum(int(np.count_nonzero(lost[name])) for name in names)
        foreign = sum(size for kernel in full.values() if kernel.size == size)
        rest = [c for i, c in enumerate(constants) if i not in places.values() and c.size == size]
        stored = sum(np.count_nonzero(constant) for constant in rest)
        if stored > live + foreign:
            raise ExportError(
                f"Zeros are lost: the file holds {stored} non-zero values where {', '.join(names)} have {live}"
                + (f" and other kernels of that size {foreign}." if foreign else ".")
            )
        zeros += sum(lost[name].size for name in names) - live
    return zeros


def matched(kernels, constants):
    """Kernel path -> place in `constants` of an array that is zero wherever the kernel is, for as many as possible.

    >>> matched({"a": np.eye(2), "b": np.ones((2, 2))}, [np.full((2, 2), 3.0), np.eye(2)])
    {'a': 1, 'b': 0}
    """
    names = list(kernels)
    if not names or not constants:
        return {}
    fits = np.array([[_fits(kernels[name], constant) for constant in constants] for name in names])
    places = maximum_bipartite_matching(csr_matrix(fits), perm_type="column")
    return {name: int(place) for name, place in zip(names, places, strict=True) if place >= 0}


def _fits(kernel, constant):
    """Whether `constant` is zero wherever `kernel` is, in one of its layouts."""
    if constant.size != kernel.size:
        return False
    for rows in _layouts(kernel):
        for stored in _views(constant):
            if rows.shape == stored.shape and not stored[rows == 0].any():
                return True
    return False


def _views(constant):
    """Matrices [output channel, rest] that an array in a file may stand for."""
    bare = tuple(length for length in constant.shape if length > 1) or (1,)  # ONNX has einsum's kernels as [1, 1, ...]
    for shape in dict.fromkeys((constant.shape, bare)):
        yield constant.reshape(shape[0], -1)
        yield constant.reshape(-1, shape[-1]).T


def _layouts(kernel):
    """Matrices [output channel, rest] of a Keras kernel, one for each kind of layer and order of the rest."""
    yield kernel.reshape(-1, kernel.shape[-1]).T  # Dense, convolutions
    if kernel.ndim > 2:
        yield np.moveaxis(kernel, (-1, -2), (0, 1)).reshape(kernel.shape[-1], -1)  # convolutions, channels first
        yield kernel.reshape(-1, kernel.shape[-2] * kernel.shape[-1]).T  # depthwise: channels times multiplier
        yield np.moveaxis(kernel, -2, 0).reshape(kernel.shape[-2], -1)  # transposed convolutions
        yield kernel.reshape(kernel.shape[0], -1).T  # EinsumDense, attention
