"""Milliseconds per image, single thread, batch 1: what a mask gains at inference.

    python benchmarks/latency.py [--models=resnet18,vgg16] [--masks=snip,synflow] [--sparsities=0.9,0.95,0.98]

Each network is timed dense and under each mask as a TFLite file (with dead channels, without, stored sparsely), as a SavedModel
without dead channels and in Keras, in turn; a row has the medians and, as the speed-up, the median of the ratios within a
turn. Networks are untrained. `mlp` is 784-1024-1024-10 with masks of blocks of four inputs. Rows of other networks in the
file stay.
"""

import os
import pathlib
import statistics
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import logging

import numpy as np
import tensorflow as tf
import tf_keras as keras
from absl import app, flags
from measured import write_rows
from rich.console import Console
from rich.table import Table
from steps import noise

import tfsparse as ts
from tfsparse.export.tflite import RUNTIME, interpreter_of
from tfsparse.mask import apply_mask
from tfsparse.progress import progress
from tfsparse.registry import parse_list

MODELS = flags.DEFINE_list("models", ["resnet18", "resnet32", "vgg16", "mobilenet", "mlp"], "Networks.")
MASKS = flags.DEFINE_string(
    "masks", "erk,snip,synflow,random(pattern='filter',allocation='uniform')", "Methods; `mlp` has its own."
)
SPARSITIES = flags.DEFINE_list("sparsities", ["0.9", "0.95", "0.98"], "Of the masks.")
TURNS = flags.DEFINE_integer("turns", 15, "Turns, of which the median counts.", lower_bound=1)
OUT = flags.DEFINE_string("out", "benchmarks/results/latency.json", "JSON file for all measurements.")

BLOCKS = "magnitude(pattern='block(1x4)',allocation='uniform')"


def network(name):
    """A network and its data."""
    if name != "mlp":
        data = noise(64)
        return ts.build_model(name, data), data
    data = ts.Data.from_arrays(train=(np.zeros((64, 784), "float32"), np.arange(64) % 10), batch_size=64)
    layers = [keras.layers.Dense(1024, activation="relu", input_shape=(784,), name="hidden0")]
    layers += [keras.layers.Dense(1024, activation="relu", name="hidden1"), keras.layers.Dense(10, name="classifier")]
    return keras.Sequential(layers, name="mlp"), data


def runs(model, data, mask, folder):
    """Name of a way to run the network -> function without arguments that computes one image."""
    folder = pathlib.Path(folder)
    image = np.zeros((1, *data.input_shape), data.image_dtype)
    ways = {}
    formats = {"tflite": "tflite(sparse=False)", "sparse tflite": "tflite"}
    for name, format in formats.items():
        path = ts.export_model(model, format, folder / name, mask=mask, data=data, images=2).path
        ways[name] = tflite(path.read_bytes(), image)
    path = ts.export_model(
        model, "tflite(sparse=False)", folder / "whole", mask=mask, data=data, images=2, compact=False
    ).path
    ways["whole tflite"] = tflite(path.read_bytes(), image)
    path = ts.export_model(model, "saved_model", folder / "saved", mask=mask, data=data, images=2).path
    loaded = tf.saved_model.load(str(path))
    serve, constant = loaded.signatures["serving_default"], tf.constant(image)
    ways["saved_model"] = lambda: (serve(images=constant)["probabilities"].numpy(), loaded)
    floats = tf.zeros((1, *data.input_shape))
    call = tf.function(lambda x: model(x, training=False))
    ways["keras"] = lambda: call(floats).numpy()
    return ways


def tflite(content, image):
    interpreter = interpreter_of(content, 1)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    return interpreter.invoke


def milliseconds(action, least=0.05):
    """Milliseconds that one `action` takes: the mean over at least `least` seconds."""
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < least:
        action()
        count += 1
    return 1000 * (time.perf_counter() - start) / count


def measure(name, folder):
    """Rows of one network: all masks, in turn with the dense network."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    model, data = network(name)
    task = ts.Task(data)
    methods = [BLOCKS] if name == "mlp" else parse_list(MASKS.value)
    ways = {("none", 0.0): runs(model, data, None, f"{folder}/dense")}
    counts = {}
    for method in methods:
        for sparsity in map(float, SPARSITIES.value):
            mask = ts.find_mask(model, method, sparsity=sparsity, task=task)
            masked = keras.models.clone_model(model)
            masked.set_weights(model.get_weights())
            apply_mask(masked, mask)
            ways[method, sparsity] = runs(masked, data, mask, f"{folder}/{len(ways)}")
            counts[method, sparsity] = ts.compact(masked).parameters
    times = {case: {way: [] for way in found} for case, found in ways.items()}
    for _ in range(TURNS.value):
        for case, found in ways.items():
            for way, action in found.items():
                times[case][way].append(milliseconds(action))
    dense = times["none", 0.0]["whole tflite"]
    for (method, sparsity), found in times.items():
        medians = {way: statistics.median(turns) for way, turns in found.items()}
        faster = {
            way: statistics.median(a / b for a, b in zip(dense, turns, strict=True)) for way, turns in found.items()
        }
        row = {"model": name, "mask": method, "sparsity": sparsity, "parameters": counts.get((method, sparsity))}
        yield {**row, "ms": medians, "faster": faster, "runtime": RUNTIME, "turns": TURNS.value}


def main(argv):
    tf.get_logger().setLevel("ERROR")
    logging.getLogger("tfsparse").setLevel("ERROR")
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    rows = []
    with progress() as shown, tempfile.TemporaryDirectory() as folder:
        for name in shown(MODELS.value, "Measuring"):
            found = list(measure(name, f"{folder}/{name}"))
            write_rows(OUT.value, found, ("model",))  # after each network: all together take long
            rows += found
    ways = list(rows[0]["ms"])
    table = Table("network", "mask", "sparsity", *[f"{way}, ms (faster)" for way in ways])
    for row in rows:
        cells = [f"{row['ms'][way]:.2f} ({row['faster'][way]:.2f})" for way in ways]
        table.add_row(row["model"], row["mask"], f"{row['sparsity']:g}", *cells)
    Console(width=160).print(table)


if __name__ == "__main__":
    app.run(main)
