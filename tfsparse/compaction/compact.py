"""`compact`: a model without the channels that a mask has killed."""

import numpy as np

from tfsparse import paths
from tfsparse.compaction.channels import Channels
from tfsparse.compaction.compaction import Compaction
from tfsparse.compaction.fold import folded
from tfsparse.compaction.needed import needed, readers
from tfsparse.compaction.places import places
from tfsparse.compaction.roles import OTHER
from tfsparse.compaction.weights import live_weights
from tfsparse.counterparts import copy_layer_weights
from tfsparse.mask import Mask, checked, prunable
from tfsparse.surgery import Surgery


def compact(model, mask=None, *, stays=None):
    """A smaller model that computes the same: channels that a mask has killed are taken out.

    Without `mask` (to run the model), a channel goes if nothing that the outputs depend on reads it, or if it is a constant
    (only zeros lead into it) that can be folded into the layer that reads it: into the bias or, where a padded kernel meets
    zeros at the border of the map, into one channel that carries all constants.

    With `mask` (to train further under it, as the large model would), a channel goes if nothing reads it through a live
    weight, or if it is 0 and stays so (no live weight leads into it, and a ReLU cuts off what norm or bias add). Nothing
    is folded. What momentum still does to an offset that a ReLU cuts off is ignored.

    Inputs of a dense layer whose zeros come in blocks of four (`pattern="block(1x4)"`) go in whole blocks, so that it still
    runs sparsely. Channels that a residual sum, a concatenation or a shared layer ties together go together or not at all;
    what an unknown layer touches stays.

    Args:
        model: built functional or Sequential model, plain (`strip` a prepared one); left as it is. Nested models are laid flat.
        mask: `Mask`, or a mapping from weight path to array of 0 and 1.
        stays: what an earlier compaction of this model kept (`Compaction.stays`); None: found now.

    Returns:
        `Compaction`.

    Raises:
        ValueError: the graph of a subclassed model cannot be seen; `mask` or `stays` does not fit.

    >>> import tf_keras as keras
    >>> layers = [keras.layers.Dense(4, input_shape=(3,), name="a"), keras.layers.Dense(2, name="b")]
    >>> model = keras.Sequential(layers)
    >>> model.layers[1].set_weights([np.array([[1, 2], [0, 0], [3, 4], [0, 0]]), np.zeros(2)])  # reads two of four
    >>> print(compact(model))
    2 of 6 channels taken out, 26 -> 14 parameters
    """
    surgery = Surgery(model, "Compaction")
    mask = checked(mask, model)
    channels = Channels(surgery, training=mask is not None)
    found = readers(surgery, channels, live_weights(mask), training=mask is not None)
    stays = needed(channels, found) if stays is None else _checked(stays, channels)
    kept = places(channels, stays)
    changed = folded(found, stays) if mask is None else {}
    small = _build(surgery, channels, stays, kept, changed)
    inside = prunable(small)  # lacks weights that lead to no output
    cut = {path: array[kept.get(path, ...)] for path, array in (mask or {}).items() if path in inside}
    return Compaction(model, small, None if mask is None else Mask(cut), kept, stays)


def _checked(stays, channels):
    stays = np.asarray(stays, bool)
    if stays.shape != (channels.count,) or (channels.fixed & ~stays).any():
        raise ValueError(f"The channels to keep are of another model: {stays.size} of them, here {channels.count}.")
    return stays


def _build(surgery, channels, stays, kept, changed):
    for call, kind in channels.roles.items():
        width = None if kind == OTHER else int(stays[channels.of(call.outputs)].sum())
        if kind == "mixing":
            call.changes["units" if hasattr(call.layer, "units") else "filters"] = width
            call.changes["use_bias"] = call.layer.use_bias or f"{call.path}/bias" in changed
        elif hasattr(call.layer, "target_shape") and kind != OTHER:
            call.changes["target_shape"] = (*call.layer.target_shape[:-1], width)

    def transfer(model, copy):
        values = {path: variable.numpy() for path, variable in paths.weights(model).items()} | changed
        originals = dict(paths.layers(model))
        for path, layer in paths.layers(copy):
            own = {f"{path}/{local}": variable for local, variable, _ in paths.owned_weights_of(layer)}
            if own.keys() & (kept.keys() | changed.keys()):
                for name, variable in own.items():
                    variable.assign(values[name][kept.get(name, ...)])
            elif layer.weights:  # as Keras does it: what a layer makes of its weights, or keeps in modules, comes along
                copy_layer_weights(originals[path], layer)

    return surgery.build(transfer)
