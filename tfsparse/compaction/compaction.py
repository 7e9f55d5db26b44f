"""`Compaction`: a large model, the small one that computes the same, and the way back."""

import dataclasses

import numpy as np
import tf_keras as keras

from tfsparse import paths
from tfsparse.mask import Mask


@dataclasses.dataclass(frozen=True)
class Compaction:
    """What `compact` made.

    Args:
        large: the model that was given.
        model: the small model.
        mask: `Mask` of the small model, if one was given for the large.
        places: path of a weight -> index into the large model's array that gives the small one's.
        stays: boolean array, which of the large model's channels were kept; given it, `compact` does the same again.
    """

    large: keras.Model
    model: keras.Model
    mask: Mask | None
    places: dict
    stays: np.ndarray

    @property
    def channels(self):
        """Output channels of all convolutions and dense layers (last axes of their kernels), before and after: two ints."""
        return tuple(_channels(model) for model in (self.large, self.model))

    @property
    def parameters(self):
        """Number of parameters, before and after: two ints."""
        return self.large.count_params(), self.model.count_params()

    def expand(self, path, array, before):
        """Puts a weight of the small model in its place in the large one's.

        Args:
            path: of the weight; also for an array with a number for each of its elements (momentum).
            array: of the small model's shape.
            before: array of the large model's shape, with the values of the rest.
        """
        whole = np.array(before)
        whole[self.places.get(path, ...)] = array
        return whole

    def __str__(self):
        (before, after), (large, small) = self.channels, self.parameters
        return f"{before - after:,} of {before:,} channels taken out, {large:,} -> {small:,} parameters"


def _channels(model):
    rows = paths.weights(model).items()
    return sum(int(variable.shape[-1]) for path, variable in rows if path.rsplit("/", 1)[-1] == "kernel")
