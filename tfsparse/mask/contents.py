"""What a mask is made of: booleans, and the weights that training is to start from."""

import numpy as np

from tfsparse import paths

_COUNTERS = "biu"  # kinds of arrays that stay what they are: steps, seeds


def as_boolean(name, array):
    """A read-only boolean copy of an array of 0 and 1.

    >>> as_boolean("head/kernel", [1, 0]).tolist()
    [True, False]

    Raises:
        ValueError: it holds anything else; names the entry.
    """
    array = np.asarray(array)
    if array.dtype != bool:
        if array.dtype.kind not in "iuf" or not ((array == 0) | (array == 1)).all():
            raise ValueError(f"Mask entry {name!r} holds values other than 0 and 1 (dtype {array.dtype}).")
        array = array.astype(bool)
    array = array.copy()
    array.setflags(write=False)
    return array


def as_start(weights):
    """The arrays as a mask keeps them: copies, in float32 (counters in their own type).

    Args:
        weights: path -> array, or None.

    Returns:
        Dict from path to array, or None.

    >>> as_start({"head/bias": [0.5, 1.0]})["head/bias"].dtype
    dtype('float32')

    Raises:
        ValueError: an array holds no numbers, or NaN or infinity.
    """
    return None if weights is None else {path: _numbers(path, array) for path, array in weights.items()}


def rewind(weights, model):
    """Gives the variables of `model` the values of a mask's `weights` (path -> array); all of them, or none.

    Raises:
        ValueError: there are none (None), or a path or a shape does not fit.
    """
    if weights is None:
        raise ValueError("This mask holds no weights to start from: training starts from the model's own.")
    places = paths.weights(model)
    for path, array in weights.items():
        found = f"the weight there {tuple(places[path].shape)}" if path in places else "the model no such weight"
        if path not in places or tuple(places[path].shape) != array.shape:
            raise ValueError(
                f"Start weight {path!r} has shape {array.shape}, {found}. Was the mask found on another architecture? "
                "Nothing was changed."
            )
    for path, array in weights.items():
        places[path].assign(array.astype(places[path].dtype.as_numpy_dtype))


def _numbers(path, array):
    array = np.array(array)  # a copy: variables may lend their memory
    if array.dtype.kind in _COUNTERS:
        return array
    if array.dtype.kind not in "fV":  # V: bfloat16, which numpy does not know
        raise ValueError(f"Start weight {path!r} holds no numbers (dtype {array.dtype}).")
    with np.errstate(over="ignore"):
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise ValueError(f"Start weight {path!r} holds NaN or infinity. Did the training that it comes from diverge?")
    return array
