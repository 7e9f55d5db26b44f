"""ONNX: for onnxruntime and other programs that read it. Needs `pip install tfsparse[onnx]`."""

import importlib.util
import pathlib

import numpy as np
import tensorflow as tf

from tfsparse.export.compare import EXACT
from tfsparse.export.exported import Exported
from tfsparse.export.quiet import quiet
from tfsparse.export.result import ExportError

_BATCH, _OPSET = 256, 17
_ORIGINS = {  # an operation that tf2onnx leaves as it is -> what in a network becomes it
    "PartitionedCall": "a function, as Keras makes of a grouped convolution",
    "Erfc": "exact gelu; gelu with approximate=True can be exported",
}


class ONNX:
    """An .onnx file of any batch size: `images` to `probabilities`. Batch norms are folded; zeros are stored in full.

    Raises:
        ValueError: tf2onnx or onnxruntime is not installed.
    """

    suffix, name, tolerance, calibrates = ".onnx", "model", EXACT, False

    def __init__(self):
        _require("tf2onnx", "onnx", "onnxruntime")

    def variants(self, serving):
        """The one way to store it: name -> function that writes the file at a path."""
        return {"dense": lambda path: self._write(serving, path)}

    def _write(self, serving, path):
        import onnx
        import tf2onnx

        function = serving.function()
        try:
            with quiet(show=False):
                model, _ = tf2onnx.convert.from_function(
                    function, [tf.TensorSpec([None, *serving.input_shape], serving.dtype, name="images")], opset=_OPSET
                )
        except Exception as error:  # tf2onnx raises whatever it happens to trip over
            raise ExportError(f"tf2onnx cannot convert the network: {error}. Export a SavedModel.") from error
        unknown = sorted({node.op_type for node in model.graph.node if not onnx.defs.has(node.op_type)})
        if unknown:
            named = ", ".join(f"{name} ({_ORIGINS[name]})" if name in _ORIGINS else name for name in unknown)
            raise ExportError(
                f"The network cannot become an ONNX file: {named} has no counterpart there. Export a SavedModel or TFLite."
            )
        pathlib.Path(path).write_bytes(model.SerializeToString())

    @staticmethod
    def load(path):
        """Reads a file that `export_model` wrote.

        Raises:
            ValueError: onnxruntime is not installed; a damaged file, or one with other inputs and outputs.
        """
        _require("onnx", "onnxruntime")
        import onnx
        import onnxruntime

        content = pathlib.Path(path).read_bytes()
        try:
            session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has an exception class for each status, in a private module
            raise ValueError(
                f"{path} cannot be read as an ONNX file, it seems damaged ({error}). Delete it and export again."
            ) from error
        inputs, outputs = session.get_inputs(), session.get_outputs()
        if [i.name for i in inputs] != ["images"] or [o.name for o in outputs] != ["probabilities"]:
            raise ValueError(f"{path} was not exported by tfsparse: expected 'images' to 'probabilities'.")

        def run(images):
            parts = [images[i : i + _BATCH] for i in range(0, len(images), _BATCH)]
            return np.concatenate([session.run(None, {"images": part})[0] for part in parts])

        def constants():
            arrays = [onnx.numpy_helper.to_array(tensor) for tensor in onnx.load_from_string(content).graph.initializer]
            return [array for array in arrays if array.dtype == np.float32 and array.ndim > 1]

        dtype = np.dtype("uint8" if inputs[0].type == "tensor(uint8)" else "float32")
        return Exported(run, tuple(inputs[0].shape[1:]), dtype, constants)


def _require(*names):
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(f"ONNX files need {', '.join(missing)}, not installed here: pip install 'tfsparse[onnx]'.")
