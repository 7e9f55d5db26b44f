"""`Mask`: which weights of a model live."""

from collections.abc import Mapping

import numpy as np

from tfsparse.mask import contents, files
from tfsparse.mask.layouts import layouts
from tfsparse.mask.prunable import prunable


class Mask(Mapping):
    """A read-only mapping from weight path to a boolean array of the weight's shape; True where the weight lives.

    Args:
        arrays: path -> array of 0 and 1 (or booleans), for example `{"stage1/block0/conv1/kernel": ...}`.
        metadata: what the mask file should say about its origin: strings to strings.
        weights: the weights from which the method that found the mask wants training to start (late rewinding, Gem-Miner):
            path -> array, of any weights of the model, also biases and statistics of norms; None: the model's own. `rewind`
            gives them to a model; they are saved in the file, but are not part of the mapping.

    >>> mask = Mask({"head/kernel": [[1, 0], [0, 0]]})
    >>> mask.sparsity, mask.live, mask.total
    (0.75, 1, 4)
    >>> mask["head/kernel"].dtype
    dtype('bool')

    Raises:
        ValueError: an array holds anything but 0 and 1, there is no weight, or a start weight is not finite.
    """

    def __init__(self, arrays, metadata=None, weights=None):
        if not arrays:
            raise ValueError("A mask needs at least one array.")
        self._arrays = {name: contents.as_boolean(name, array) for name, array in arrays.items()}
        if not self.total:
            raise ValueError(f"A mask needs at least one weight; all {len(self)} arrays are empty.")
        self.metadata = dict(metadata or {})
        self.weights = contents.as_start(weights)

    def __getitem__(self, name):
        return self._arrays[name]

    def __iter__(self):
        return iter(self._arrays)

    def __len__(self):
        return len(self._arrays)

    def __eq__(self, other):
        """Same paths, same shapes, same values; metadata do not count. (Mapping's own asks arrays for their truth value.)"""
        if not isinstance(other, Mapping):
            return NotImplemented
        return self.keys() == other.keys() and all(np.array_equal(self[name], other[name]) for name in self)

    __hash__ = None  # as for every mapping

    def __repr__(self):
        return f"Mask({len(self)} weights, {self.live:,} of {self.total:,} live, sparsity {self.sparsity:.4f})"

    @property
    def total(self):
        """Number of weights that the mask covers."""
        return sum(array.size for array in self.values())

    @property
    def live(self):
        """Number of weights that are kept."""
        return sum(int(np.count_nonzero(array)) for array in self.values())

    @property
    def sparsity(self):
        """Share of the covered weights that are zero."""
        return 1 - self.live / self.total

    @property
    def empty(self):
        """Paths of the weights that are dead throughout: their layers pass on nothing but biases."""
        return [name for name, array in self.items() if not array.any()]

    @property
    def is_ticket(self):
        """Whether the mask was found together with a start: it brings weights, or `imp` found it for the model's own."""
        return self.weights is not None or self.metadata.get("method") == "imp"

    @property
    def digest(self):
        """A text that is the same for equal masks with equal start weights, whatever their metadata say."""
        return files.checksum(files.with_start(dict(self.items()), self.weights), {})

    def check(self, model):
        """Raises ValueError unless every entry is a weight of `model` with the same shape; names the first that is not."""
        known = prunable(model)
        for name, array in self.items():
            if name not in known:
                raise ValueError(
                    f"Mask entry {name!r} names no prunable weight of model {model.name!r}, which has "
                    f"{', '.join(list(known)[:3])}, ... ({len(known)} in all). {self._why_unknown(known)}"
                )
            if array.shape != tuple(known[name].shape):
                foreign = array.shape == layouts(model)[name].torch_shape
                raise ValueError(
                    f"Mask entry {name!r} has shape {array.shape}, the model's weight {tuple(known[name].shape)}. "
                    + (_FOREIGN if foreign else "Was the mask found on another architecture?")
                )

    def _why_unknown(self, known):
        shapes = sorted(tuple(variable.shape) for variable in known.values())
        if shapes == sorted(array.shape for array in self.values()):
            return (
                "Their shapes are those of the mask: Keras counts layers that have no name over the whole process. Give the "
                "layers names, or call keras.backend.clear_session() before each model is built."
            )
        return "Was the mask found on another architecture? A mask made elsewhere is read by import_mask(path, model)."

    def save(self, path):
        """Writes the mask as a safetensors file (bool), whole or not at all; returns its `pathlib.Path`."""
        return files.write(path, dict(self.items()), self.metadata, self.weights)

    @classmethod
    def load(cls, path):
        """Reads a mask that `save` wrote, with its metadata.

        Raises:
            FileNotFoundError: no such file.
            ValueError: damaged, or not a mask.
        """
        arrays, metadata, weights = files.read(path)
        try:
            return cls(arrays, metadata, weights)
        except ValueError as error:
            raise files.unreadable(path, error) from error

    def rewind(self, model):
        """Gives `model` the weights that training is to start from.

        >>> import tf_keras as keras
        >>> model = keras.Sequential([keras.layers.Dense(1, input_shape=(2,), name="head")])
        >>> Mask({"head/kernel": [[1], [0]]}, weights={"head/bias": [0.5]}).rewind(model)
        >>> model.get_weights()[1].tolist()
        [0.5]

        Raises:
            ValueError: the mask has none, or one of them does not fit; the model is then left as it was.
        """
        contents.rewind(self.weights, model)

    @classmethod
    def from_zeros(cls, model, prunable="all"):
        """The mask that a model's zeros show: a weight lives where it is not exactly 0."""
        return cls({name: variable.numpy() != 0 for name, variable in _prunable(model, prunable).items()})

    @classmethod
    def ones(cls, model, prunable="all"):
        """The mask of a dense model: everything lives."""
        return cls({name: np.ones(variable.shape, bool) for name, variable in _prunable(model, prunable).items()})


_FOREIGN = "That is PyTorch's layout: read the file with import_mask(path, model), which converts it."
_prunable = prunable  # the class methods above have an argument of that name
