"""`assert_sparsity`: checks that a model or an exported file has the zeros of a mask."""

import pathlib

import numpy as np

from tfsparse.export.card import read_card
from tfsparse.export.formats import load_exported
from tfsparse.export.zeros import NotZero, masked_kernels, matched
from tfsparse.mask import Mask


def assert_sparsity(file_or_model, mask):
    """Checks that every weight that a mask prunes is exactly 0.0.

    If dead channels were taken out of a file, what is left of each kernel is checked; the model card beside the file says
    which channels are left. Where one channel carries the constants of others, the weights that read it are not checked.

    Args:
        file_or_model: Keras model, or path of a file that `export_model` wrote.
        mask: `Mask`, a mapping from weight path to boolean array, or path of a mask file.

    Returns:
        Number of zeros found in the kernels that the mask covers.

    Raises:
        AssertionError: a zero is lost; names the weight.
        ValueError: the mask is for another architecture; the file or its card cannot be read.
        FileNotFoundError: no such file.

    >>> import tf_keras as keras
    >>> model = keras.Sequential([keras.layers.Dense(2, input_shape=(2,), kernel_initializer="zeros", name="head")])
    >>> assert_sparsity(model, {"head/kernel": np.zeros((2, 2), bool)})
    4
    """
    if not hasattr(mask, "items"):
        mask = Mask.load(mask)
    if hasattr(file_or_model, "layers"):
        return _of_model(file_or_model, mask)
    path = pathlib.Path(file_or_model)
    constants = load_exported(path).constants()
    card = read_card(path) or {}
    parts = {name: _part(np.asarray(live, bool), name, card) for name, live in mask.items()}
    _check_sizes(parts, constants, path, card)
    places = matched(parts, constants)
    lost = [name for name, live in parts.items() if name not in places and live.any()]
    if lost:
        raise AssertionError(f"Zeros are lost: in {path} no weight is zero wherever the mask prunes {', '.join(lost)}.")
    return sum(constants[place].size - int(np.count_nonzero(constants[place])) for place in places.values())


def _of_model(model, mask):
    try:
        kernels = masked_kernels(model, mask)
    except NotZero as error:
        raise AssertionError(str(error)) from error
    return sum(array.size - int(np.count_nonzero(array)) for array in kernels.values())


def _part(live, name, card):
    """The part of one mask entry that the file still has."""
    kept = card.get("kept", {}).get(name)
    if kept is not None:
        try:
            live = live[
                np.ix_(*(np.arange(n) if axis is None else axis for n, axis in zip(live.shape, kept, strict=True)))
            ]
        except (IndexError, ValueError) as error:
            raise ValueError(
                f"The mask's {name!r}, {live.shape}, does not fit the network in the card: {error}."
            ) from error
    carriers = card.get("carriers", {}).get(name)
    if carriers:
        live = live.copy()
        live[..., carriers, :] = True
    return live


def _check_sizes(parts, constants, path, card):
    sizes = {constant.size for constant in constants}
    for name, live in parts.items():
        if live.size and live.any() and live.size not in sizes:
            hint = "" if card else " It has no model card, which would say which channels were taken out."
            raise ValueError(
                f"{path} holds no weight of the size of {name!r}, {live.shape}.{hint} Is it another model?"
            )
