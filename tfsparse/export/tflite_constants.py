"""The weights inside a TensorFlow Lite file, sparse ones unpacked: the interpreter does not show them."""

import math

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

TYPES = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.FLOAT16: np.float16,
    schema.TensorType.INT8: np.int8,
}
_MOST = 2**28  # weights: 1 GiB unpacked
_NO_TREE = "Weights of shape {shape} are stored as a tree that is not of this shape: the file is damaged."


def constants(content):
    """All constant tensors of weights in a TFLite file: float32, float16 and int8, of two or more axes.

    Args:
        content: the file's bytes.

    Returns:
        List of dense float32 arrays; quantised values are scaled back, so that their zeros are 0.0.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    found = []
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            data = model.buffers[tensor.buffer].data
            if data is None or tensor.type not in TYPES or tensor.shape is None or len(tensor.shape) < 2:
                continue
            values = _scaled(np.frombuffer(bytes(data), TYPES[tensor.type]), tensor)
            shape = tuple(int(n) for n in tensor.shape)
            found.append(values.reshape(shape) if tensor.sparsity is None else dense(values, shape, tensor.sparsity))
    return found


def _scaled(values, tensor):
    """Stored numbers as float32; quantised ones minus their zero point (weights have one for all channels: 0), scaled."""
    if tensor.type != schema.TensorType.INT8 or tensor.quantization is None or tensor.quantization.zeroPoint is None:
        return values.astype("float32")
    points = np.unique(tensor.quantization.zeroPoint)
    scale = np.mean(tensor.quantization.scale)
    return (values.astype("float32") - (points[0] if len(points) == 1 else 0)) * scale


def dense(values, shape, sparsity):
    """Unpacks a sparse TFLite tensor.

    The format is a tree with a level for each of the tensor's axes and then for each axis inside its blocks, in the order
    `traversalOrder`. A dense level has all children of every node; a sparse one lists those that exist.

    Args:
        values: the stored numbers: the leaves of the tree, in order.
        shape: of the unpacked tensor.
        sparsity: the file's `SparsityParameters`.

    Raises:
        ValueError: blocks that do not divide the shape; a tree of another size than the shape; more than 1 GiB unpacked.

    >>> level = lambda **k: schema.DimensionMetadataT(**{"arraySegments": None, "arrayIndices": None, **k})
    >>> vector = lambda *numbers: schema.Int32VectorT(np.array(numbers))
    >>> rows = level(format=schema.DimensionType.DENSE, denseSize=2)
    >>> columns = level(format=1, arraySegments=vector(0, 1, 3), arrayIndices=vector(1, 0, 2))
    >>> tree = schema.SparsityParametersT(traversalOrder=[0, 1], blockMap=None, dimMetadata=[rows, columns])
    >>> dense(np.array([5, 6, 7], np.float32), (2, 3), tree).tolist()
    [[0.0, 5.0, 0.0], [6.0, 0.0, 7.0]]
    """
    total = math.prod(shape)
    if total > _MOST:
        raise ValueError(
            f"Sparse weights of shape {shape} would take {total * 4 / 2**30:.1f} GiB unpacked, more than 1 GiB."
        )
    order = [int(axis) for axis in sparsity.traversalOrder]
    places = {}  # axis -> its coordinate at every node of the current level
    nodes = 1
    for axis, level in zip(order, sparsity.dimMetadata, strict=True):
        counts, new = _children(level, nodes, shape)
        places = {known: np.repeat(coordinate, counts) for known, coordinate in places.items()}
        places[axis] = new.astype(int)
        nodes = len(new)
    for number, axis in enumerate(sparsity.blockMap if sparsity.blockMap is not None else ()):
        inner = len(shape) + number
        size = sparsity.dimMetadata[order.index(inner)].denseSize
        _check_blocks(shape, int(axis), size)
        places[int(axis)] = places[int(axis)] * size + places[inner]
    if nodes != len(values) or any(places[axis].max(initial=0) >= length for axis, length in enumerate(shape)):
        raise ValueError(_NO_TREE.format(shape=shape))
    result = np.zeros(shape, np.float32)
    result[tuple(places[axis] for axis in range(len(shape)))] = values
    return result


def _children(level, nodes, shape):
    """How many children each node of a level has, and their places in it; never more than there are weights."""
    if level.format == schema.DimensionType.DENSE:
        size = int(level.denseSize)
        if not 0 <= nodes * size <= math.prod(shape):
            raise ValueError(_NO_TREE.format(shape=shape))
        return np.full(nodes, size), np.tile(np.arange(size), nodes)
    counts = np.diff(np.asarray(level.arraySegments.values).astype(int))
    new = np.asarray(level.arrayIndices.values)
    if len(counts) != nodes or counts.min(initial=0) < 0 or counts.sum() != len(new) or new.min(initial=0) < 0:
        raise ValueError(_NO_TREE.format(shape=shape))
    return counts, new


def _check_blocks(shape, axis, size):
    """Refuses blocks that do not fit: TensorFlow 2.21's converter drops the remainder and mixes up the rows."""
    if shape[axis] % size:
        raise ValueError(
            f"Weights of shape {shape} are stored in blocks of {size} on axis {axis}, which do not divide it: TensorFlow's "
            "converter loses weights then. Store them dense: tflite(sparse=False)."
        )
