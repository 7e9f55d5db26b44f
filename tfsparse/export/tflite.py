"""TensorFlow Lite (LiteRT): one small file for phones and boards."""

import os
import pathlib
import warnings

import numpy as np
import tensorflow as tf

from tfsparse.export.exported import Exported
from tfsparse.export.quiet import quiet
from tfsparse.export.tflite_constants import constants

try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    Interpreter = tf.lite.Interpreter


class TFLite:
    """A .tflite file with float32 weights that takes one image at a time, [1, height, width, channels].

    Batch norms are folded into the weights, which scales every output channel and leaves zeros zeros.

    Args:
        sparse: store tensors with enough zeros (30 % and more) sparsely, if that makes the file smaller. The file gets
            small, not fast: most kernels are unpacked when it is loaded. ARM phones run 1x1 convolutions sparsely.
    """

    suffix = ".tflite"

    def __init__(self, *, sparse=True):
        self.sparse = sparse

    def write(self, serving, path):
        """Writes the file `path`."""
        function = serving.function(batch=1)
        module = serving.module(serve=function)
        contents = [_convert(function, module, [])]
        if self.sparse:
            contents.append(_convert(function, module, [tf.lite.Optimize.EXPERIMENTAL_SPARSITY]))
        pathlib.Path(path).write_bytes(min(contents, key=len))

    @staticmethod
    def load(path):
        """Reads a file that `write` wrote.

        Raises:
            ValueError: no TFLite file, a damaged one, or one with other inputs and outputs.
        """
        content = pathlib.Path(path).read_bytes()
        try:
            interpreter = _interpreter(content)
            runner = interpreter.get_signature_runner("serving_default")
            details = runner.get_input_details()["images"]
            runner.get_output_details()["probabilities"]
        except (ValueError, RuntimeError) as error:
            raise ValueError(
                f"{path} cannot be read as a TFLite file, it seems damaged ({error}). Export it again."
            ) from error
        except KeyError as error:
            raise ValueError(f"{path} was not exported by tfsparse: it lacks {error}.") from error

        def run(images):
            # One by one: files of a fixed batch of 1 load everywhere, and on a CPU larger batches are no faster.
            return np.concatenate([runner(images=image[None])["probabilities"] for image in images])

        return Exported(
            run, tuple(int(n) for n in details["shape"][1:]), np.dtype(details["dtype"]), lambda: constants(content)
        )


def _convert(function, module, optimizations):
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], module)
    converter.optimizations = optimizations
    with quiet():
        return converter.convert()


def _interpreter(content):
    with warnings.catch_warnings(), quiet():
        # TensorFlow's own interpreter announces its successor, ai_edge_litert, which is used where it is installed.
        warnings.filterwarnings("ignore", message=r"\s*Warning: tf\.lite\.Interpreter is deprecated")
        interpreter = Interpreter(model_content=content, num_threads=os.cpu_count())
        interpreter.allocate_tensors()
    return interpreter
