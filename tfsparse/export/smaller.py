"""The network that is stored: the model without the channels that its zeros have killed."""

import dataclasses
import logging

import numpy as np
import tf_keras as keras

from tfsparse import paths
from tfsparse.compaction import compact
from tfsparse.diagnosis import operations
from tfsparse.graph import is_graph

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Smaller:
    """What goes into a file, and what it was made of.

    Args:
        model: to store.
        parameters: before and after. `channels`, `flops` likewise; flops may be None: not known.
        kept: weight path -> for each axis, a list of the places that stayed (None: all), for weights that became smaller.
        carriers: weight path -> input channels that carry the constants of others, and so are non-zero where weights were zero.
    """

    model: keras.Model
    parameters: tuple
    channels: tuple | None = None
    flops: tuple | None = None
    kept: dict = dataclasses.field(default_factory=dict)
    carriers: dict = dataclasses.field(default_factory=dict)

    @property
    def changed(self):
        """Whether the network that is stored differs from the model."""
        return self.parameters[0] != self.parameters[1]


def smaller(model, input_shape, wanted=True):
    """What to store of a model.

    Args:
        model: plain float32 model.
        input_shape: of one image.
        wanted: whether channels are to be taken out.
    """
    found = None
    if wanted and is_graph(model):
        try:
            found = compact(model)
        except (ValueError, TypeError, NotImplementedError) as error:  # a layer that cannot be copied
            log.warning("Dead channels are not taken out, because the model's graph cannot be built again: %s", error)
    if found is None or found.parameters[0] == found.parameters[1]:
        before = _operations(model, input_shape)
        channels = None if found is None else found.channels
        return Smaller(model, (model.count_params(),) * 2, channels, before and (before, before))
    counts = tuple(_operations(one, input_shape) for one in (model, found.model))
    return Smaller(
        found.model,
        found.parameters,
        found.channels,
        counts if all(counts) else None,
        *_changes(found),
    )


def _changes(found):
    """`kept` and `carriers` of a `Compaction`."""
    large, small = paths.weights(found.large), paths.weights(found.model)
    kept, carriers = {}, {}
    for path, index in found.places.items():
        if path not in small or len(small[path].shape) < 2:
            continue
        shape = tuple(large[path].shape)
        axes = [np.ravel(axis) for axis in index]
        if any(len(axis) < length for axis, length in zip(axes, shape, strict=True)):
            kept[path] = [
                None if len(axis) == length else axis.tolist() for axis, length in zip(axes, shape, strict=True)
            ]
        added = (small[path].numpy() != 0) & (large[path].numpy()[index] == 0)
        if added.any():
            inputs = np.flatnonzero(added.any(axis=tuple(a for a in range(added.ndim) if a != added.ndim - 2)))
            carriers[path] = inputs.tolist()
    return kept, carriers


def _operations(model, input_shape):
    try:
        return operations(model, input_shape=input_shape)
    except (ValueError, TypeError, NotImplementedError):  # nothing prunable, or a layer that cannot be watched
        return None
