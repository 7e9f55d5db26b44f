"""Sparse weights of dense layers, which LiteRT computes in float32 only: in other types they are stored dense again."""

import flatbuffers
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from tfsparse.export.tflite_constants import TYPES, dense

_IDENTIFIER = b"TFL3"
_DENSIFY, _DENSE_LAYER = schema.BuiltinOperator.DENSIFY, schema.BuiltinOperator.FULLY_CONNECTED


def with_dense_layers_unpacked(content):
    """A TFLite file in which the weights of dense layers are stored dense; sparse weights of convolutions stay.

    LiteRT 2.3 refuses int8 files whose dense layers are sparse, and computes NaN with float16 blocks.

    Args:
        content: the file's bytes.

    Returns:
        The bytes of the changed file; `content` itself if there is nothing to change.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    if not sum(_unpack(model, graph) for graph in model.subgraphs):
        return content
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def _unpack(model, graph):
    """Lets operations that cannot take sparse weights read dense ones; returns the number of changed tensors."""
    unpackers = {int(op.outputs[0]): op for op in graph.operators if _kind(model, op) == _DENSIFY}
    changed = 0
    for operator in graph.operators:
        if _kind(model, operator) == _DENSIFY:
            continue
        for place, index in enumerate(map(int, operator.inputs)):
            if index in unpackers and _kind(model, operator) == _DENSE_LAYER and _is_int8(graph, index):
                index = int(unpackers[index].inputs[0])  # the constant itself, not its unpacked copy
                operator.inputs = [*operator.inputs[:place], index, *operator.inputs[place + 1 :]]
            if index >= 0 and index not in unpackers and graph.tensors[index].sparsity is not None:
                _store_dense(model, graph.tensors[index])
                changed += 1
    read = {int(index) for operator in graph.operators for index in operator.inputs}
    unread = [op for place, op in unpackers.items() if place not in read]
    graph.operators = [operator for operator in graph.operators if operator not in unread]
    return changed


def _is_int8(graph, index):
    return graph.tensors[index].type == schema.TensorType.INT8


def _store_dense(model, tensor):
    values = np.frombuffer(bytes(model.buffers[tensor.buffer].data), TYPES[tensor.type])
    whole = dense(values, tuple(int(n) for n in tensor.shape), tensor.sparsity).astype(values.dtype)
    model.buffers[tensor.buffer].data = np.frombuffer(whole.tobytes(), np.uint8)
    tensor.sparsity = None


def _kind(model, operator):
    code = model.operatorCodes[operator.opcodeIndex]
    return max(code.builtinCode, code.deprecatedBuiltinCode)
