"""TensorFlow Lite (LiteRT): one small file for phones and boards."""

import contextlib
import importlib.metadata
import os
import pathlib
import re
import warnings

import numpy as np
import tensorflow as tf

from tfsparse.export.compare import EXACT, Tolerance
from tfsparse.export.exported import Exported
from tfsparse.export.quiet import quiet
from tfsparse.export.result import ExportError
from tfsparse.export.tflite_constants import constants
from tfsparse.export.tflite_loops import plain_loops, refuse_loops
from tfsparse.export.tflite_unpacked import with_dense_layers_unpacked
from tfsparse.registry import lookup
from tfsparse.values import switch

try:
    from ai_edge_litert.interpreter import Interpreter

    RUNTIME = f"ai-edge-litert {importlib.metadata.version('ai-edge-litert')}"
except ImportError:
    Interpreter = tf.lite.Interpreter
    RUNTIME = f"tf.lite {tf.__version__}"

_SPARSE = tf.lite.Optimize.EXPERIMENTAL_SPARSITY


class TFLite:
    """A .tflite file that takes one image at a time, [1, height, width, channels].

    Batch norms are folded into the weights, which scales every output channel and leaves zeros zeros. Recurrent layers become
    loops (in int8, unrolled steps), never the operation that remembers its state from one call to the next.

    Args:
        dtype: of the weights. `"float32"`. `"float16"`: half the size, computed in float32 on most processors. `"int8"`:
            weights and activations in whole numbers, calibrated on training images; probabilities are float32.
        sparse: also try storing tensors with enough zeros (30 % and more) sparsely, and keep the smaller file. It becomes
            small, not fast: most kernels are unpacked when it is loaded (`ts.doctor` says which run sparse).
    """

    suffix = ".tflite"

    def __init__(self, *, dtype="float32", sparse=True):
        self.dtype, self.sparse = dtype, switch(sparse, "sparse")
        self.tolerance = lookup(TOLERANCES, dtype, "dtype of a TFLite file")
        self.calibrates = dtype == "int8"

    @property
    def name(self):
        """Name of the file in a run folder, without its suffix."""
        return "model" if self.dtype == "float32" else f"model_{self.dtype}"

    def variants(self, serving):
        """Ways to store the same network: name -> function that writes the file at a path."""
        kinds = {"dense": [], "sparse": [_SPARSE]} if self.sparse else {"dense": []}
        return {name: self._writer(serving, optimizations) for name, optimizations in kinds.items()}

    def _writer(self, serving, optimizations):
        content = None

        def write(path):
            nonlocal content
            content = content or self._convert(serving, optimizations)
            pathlib.Path(path).write_bytes(content)

        return write

    def _convert(self, serving, optimizations):
        # The converter itself turns the float input into an 8-bit one, so that normalisation too is in whole numbers.
        whole = self.dtype == "int8"
        function = serving.function(batch=1, dtype=np.dtype("float32") if whole else None)
        module = serving.module(serve=function)
        with plain_loops(serving.model, unrolled=whole):
            concrete = function.get_concrete_function()
        if whole:
            refuse_loops(concrete)
        converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
        converter.optimizations = [*optimizations, *([] if self.dtype == "float32" else [tf.lite.Optimize.DEFAULT])]
        if self.dtype == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if whole:
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.representative_dataset = lambda: ({"images": image[None]} for image in serving.calibration)
            converter.inference_input_type = tf.uint8 if serving.dtype == np.uint8 else tf.float32
        content = _converted(converter)
        return content if self.dtype == "float32" or not optimizations else with_dense_layers_unpacked(content)

    @staticmethod
    def load(path):
        """Reads a file that `export_model` wrote.

        Raises:
            ValueError: no TFLite file, a damaged one, or one with other inputs and outputs.
        """
        content = pathlib.Path(path).read_bytes()
        try:
            interpreter = interpreter_of(content, os.cpu_count())
            runner = interpreter.get_signature_runner("serving_default")
            details = runner.get_input_details()["images"]
            runner.get_output_details()["probabilities"]
        except (ValueError, RuntimeError) as error:
            raise ValueError(
                f"{path} cannot be read as a TFLite file, it seems damaged ({error}). Delete it and export again."
            ) from error
        except KeyError as error:
            raise ValueError(f"{path} was not exported by tfsparse: it lacks {error}.") from error

        def run(images):
            # One by one: files of a fixed batch of 1 load everywhere, and on a CPU larger batches are no faster.
            return np.concatenate([runner(images=image[None])["probabilities"] for image in images])

        return Exported(
            run, tuple(int(n) for n in details["shape"][1:]), np.dtype(details["dtype"]), lambda: constants(content)
        )


# A single probability may be far off where two classes are close; if many or all are, something is wrong.
TOLERANCES = {"float32": EXACT, "float16": Tolerance(0.5, 1e-2), "int8": Tolerance(1.0, 0.2)}


def _converted(converter):
    try:
        with quiet(show=False), _no_successor():
            return converter.convert()
    except Exception as error:  # the converter raises its own class, RuntimeError and others
        ops = sorted(set(re.findall(r"'?(tf\.\w+)'? op\b", str(error))))
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        what = f"TensorFlow Lite has no {', '.join(ops)}" if ops else f"TensorFlow Lite's converter says: {first}"
        raise ExportError(f"The network cannot become a TFLite file. {what}. Export a SavedModel or ONNX.") from error


@contextlib.contextmanager
def _no_successor():
    """Hides the notice of TensorFlow's own interpreter about its successor, ai_edge_litert, used here if it is installed."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*Warning: tf\.lite\.Interpreter is deprecated")
        yield


def interpreter_of(content, threads):
    """A LiteRT interpreter of a file's bytes, its memory allocated."""
    with quiet(), _no_successor():
        interpreter = Interpreter(model_content=content, num_threads=threads)
        interpreter.allocate_tensors()
    return interpreter
