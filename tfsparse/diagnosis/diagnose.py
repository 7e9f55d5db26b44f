"""`diagnose`: what a mask leaves of a network."""

from textwrap import shorten

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsparse import paths
from tfsparse.diagnosis.diagnosis import Diagnosis
from tfsparse.diagnosis.layer import LayerDiagnosis
from tfsparse.diagnosis.places import places
from tfsparse.diagnosis.reach import reach
from tfsparse.graph import is_graph
from tfsparse.mask.axes import channel_axes
from tfsparse.mask.prunable import prunable
from tfsparse.mask.sparsify import checked

_GROUPED = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)


def diagnose(model, mask, *, input_shape=None):
    """Says what a mask leaves of a network, before it is trained: live weights, dead channels, weights on no path from the
    inputs to the outputs, floating-point operations, layers that are empty or hang by few weights.

    A path leads from an input through live weights to an output; a unit that depends on its bias alone is on none. Operations
    are those of convolution and dense kernels for one example, a multiply-add counting two, at all places, padding included;
    what norms, activations and the products inside attention take is not counted.

    Args:
        model: built tf_keras model; left as it is. For a subclassed model, whose graph is hidden, and for
            one that cannot be copied, the paths are not known: `effective` is None, `unknown` says why.
        mask: `Mask`, or a mapping from weight path to array of 0 and 1.
        input_shape: of one example; None: the model's own.

    Returns:
        `Diagnosis`.

    >>> import tf_keras as keras
    >>> dense = [keras.layers.Dense(2, input_shape=(2,), name="a"), keras.layers.Dense(1, name="b")]
    >>> found = diagnose(keras.Sequential(dense), {"a/kernel": [[1, 1], [0, 0]], "b/kernel": [[1], [0]]})
    >>> print(found)
    3 of 6 weights live, 2 on a path (effective sparsity 66.67%); 50.0% of 12 FLOPs
    >>> [(layer.dead_inputs, layer.dead_outputs) for layer in found.layers]
    [(1, 0), (1, 0)]

    Raises:
        ValueError: the mask does not fit, or the size of the inputs is not known.
    """
    mask = checked(mask, model)
    weights = prunable(model)
    owners = {path: owner for path, _, owner in paths.owned_weights(model) if path in weights}
    used, axes = places(model, owners, _example(model, input_shape)), channel_axes(model)
    reached, connected, unknown = _reach(model, mask, input_shape)
    layers = tuple(
        _layer(
            path,
            mask[path],
            reached.get(path),
            _inputs(mask[path], axes[path][0], owners[path]),
            axes[path][1],
            used[path],
        )
        for path in weights
        if path in mask
    )
    others = sum(2 * used[path] * weights[path].shape.num_elements() for path in weights if path not in mask)
    return Diagnosis(layers, others, connected, unknown)


def operations(model, *, input_shape=None):
    """Floating-point operations of a model's convolution and dense kernels for one example, all weights counted.

    >>> import tf_keras as keras
    >>> operations(keras.Sequential([keras.layers.Dense(2, input_shape=(3,))]))
    12
    """
    weights = prunable(model)
    owners = {path: owner for path, _, owner in paths.owned_weights(model) if path in weights}
    used = places(model, owners, _example(model, input_shape))
    return sum(2 * used[path] * weights[path].shape.num_elements() for path in weights)


def _reach(model, mask, input_shape):
    """The weights on a path, whether there is any path, and why that is not known."""
    if not is_graph(model):
        return {}, None, f"{type(model).__name__} is a subclassed model, whose graph cannot be seen"
    try:
        return *reach(model, mask, input_shape), ""
    except (ValueError, TypeError, NotImplementedError, tf.errors.InvalidArgumentError) as error:
        # The rest of the diagnosis stands, and a run should not end here because of a custom layer that cannot be copied.
        return {}, None, f"the model cannot be copied and run in float64: {shorten(str(error), 300)}"


def _layer(path, live, reached, inputs, outputs, used):
    outputs, count = _channels(live, outputs), int(np.count_nonzero(live))
    return LayerDiagnosis(
        path=path,
        shape=live.shape,
        live=count,
        effective=None if reached is None else int(np.count_nonzero(reached)),
        inputs=inputs.size,
        dead_inputs=int(np.count_nonzero(~inputs)),
        outputs=outputs.size,
        dead_outputs=int(np.count_nonzero(~outputs)),
        dense_flops=2 * used * live.size,
        sparse_flops=2 * used * count,
    )


def _inputs(live, kept, owner):
    """Which channels any live weight reads. The input axis of a grouped kernel has the channels of one group."""
    if not isinstance(owner, _GROUPED) or owner.groups == 1:
        return _channels(live, kept)
    return _channels(live.reshape(*live.shape[:-1], owner.groups, -1), (*kept, live.ndim - 1))


def _channels(live, kept):
    """Which channels, on the axes `kept`, any live weight belongs to."""
    return live.any(axis=tuple(axis for axis in range(live.ndim) if axis not in kept))


def _example(model, input_shape):
    shapes = [tuple(input_shape)] if input_shape else [tuple(tensor.shape[1:]) for tensor in model.inputs or []]
    if not shapes and getattr(model, "_build_input_shape", None) is not None:
        shapes = [tuple(model._build_input_shape[1:])]
    if not shapes or any(None in shape for shape in shapes):
        raise ValueError(
            f"The size of the inputs of model {model.name!r} is not known: pass input_shape=(height, width, channels)."
        )
    if input_shape and len(model.inputs or [None]) > 1:
        raise ValueError(
            f"input_shape is of one input, and model {model.name!r} has {len(model.inputs)}: build it with their shapes."
        )
    dtypes = [tensor.dtype for tensor in model.inputs or []] or [tf.float32]
    examples = [tf.zeros((1, *shape), dtype) for shape, dtype in zip(shapes, dtypes, strict=True)]
    return examples if len(examples) > 1 else examples[0]
