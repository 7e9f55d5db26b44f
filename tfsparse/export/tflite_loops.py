"""Recurrent layers as TensorFlow Lite can hold them: without memory between calls."""

import contextlib

import tf_keras as keras

from tfsparse.export.result import ExportError

_LOOPS = {"While", "StatelessWhile"}
_OWN = "_could_use_gpu_kernel"  # whether a layer computes by a special function of Keras, for GPUs and CPUs


@contextlib.contextmanager
def plain_loops(model, *, unrolled):
    """Has recurrent layers traced as a loop over plain operations.

    The converter turns Keras' special functions for LSTM into one operation that keeps its state in a variable from one call
    to the next: the answer to an image would depend on the images before it, in every program that runs the file.

    Args:
        model: Keras model.
        unrolled: lay out every step by itself, for int8: a loop crashes the converter's calibration, and the process with it.

    >>> model = keras.Sequential([keras.layers.LSTM(2, input_shape=(3, 4))])
    >>> with plain_loops(model, unrolled=True):
    ...     model.layers[0].unroll, model.layers[0]._could_use_gpu_kernel
    (True, False)
    >>> model.layers[0].unroll, model.layers[0]._could_use_gpu_kernel
    (False, True)
    """
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.RNN)]
    before = [(layer, layer.unroll, getattr(layer, _OWN, False)) for layer in layers]
    try:
        for layer, unroll, _ in before:
            _switch(layer, unroll or unrolled, False)
        yield
    finally:
        for layer, unroll, own in before:
            _switch(layer, unroll, own)


def _switch(layer, unroll, own):
    layer.unroll = unroll
    setattr(layer, _OWN, own)


def refuse_loops(function):
    """Raises ExportError for a concrete function with a loop in it."""
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for part in graph.library.function for node in part.node_def)]
    if any(node.op in _LOOPS for node in nodes):
        raise ExportError(
            "The network loops over its input, which TensorFlow Lite's converter cannot calibrate for int8. Export float16."
        )
