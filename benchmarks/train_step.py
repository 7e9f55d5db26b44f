"""Time of one training step: dense, sparse, with ghosts and after them, and under TF-MOT's own wrapper.

    python benchmarks/train_step.py [--models=resnet18,resnet32,vgg16,mobilenet] [--repeats=5]

Images are noise, 32x32, so that no data is needed. Each network has a process of its own, in which all variants, in float32
and in bfloat16, take a step in turn, again and again; the medians count, and ratios are those of steps in the same turn.
`dense` is the network without wrappers, `dense, Keras' SGD` the same with Keras' SGD, here without weight decay, instead of
ours. The others train under a random mask. Rows of other networks in the file stay.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import json
import statistics

import tensorflow as tf
import tf_keras as keras
from absl import app, flags
from measured import alone, spread, write_rows
from rich.console import Console
from rich.table import Table
from steps import Steps, dense_steps, masked_steps, noise
from tensorflow_model_optimization.sparsity import keras as tfmot

import tfsparse as ts
from tfsparse.progress import progress
from tfsparse.training import policy

MODELS = flags.DEFINE_list("models", ["resnet18", "resnet32", "vgg16", "mobilenet"], "Networks.")
BATCH_SIZE = flags.DEFINE_integer("batch_size", 128, "Images a step.", lower_bound=1)
SPARSITY = flags.DEFINE_float("sparsity", 0.9, "Of the masks.")
REPEATS = flags.DEFINE_integer("repeats", 5, "Turns, of which the median counts.", lower_bound=1)
OUT = flags.DEFINE_string("out", "benchmarks/results/train_step.json", "JSON file for all measurements.")
_ONE = flags.DEFINE_string("one", None, "Measure one network here, and print JSON.")

PRECISIONS = ("none", "bfloat16")
GHOSTS = ("ghost_neurons", "ghost_skips", "tost")
RECIPES = {"tost": "ghost_neurons,ghost_skips,label_smoothing"}  # those of its parts that a step sees


def built(name, data, dtype):
    keras.mixed_precision.set_global_policy(dtype or "float32")
    model = ts.build_model(name, data)
    keras.mixed_precision.set_global_policy("float32")
    return model


def keras_sgd(model, task, batch):
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), task.loss_for(model))
    return Steps(model, batch)


def tf_mot(name, data, task, batch):
    """TF-MOT's wrapper; its masks are by magnitude, and are not updated during what is measured."""
    schedule = tfmot.ConstantSparsity(SPARSITY.value, 0, frequency=10**6)
    model = tfmot.prune_low_magnitude(ts.build_model(name, data), schedule)
    updates = tfmot.UpdatePruningStep()
    variant = dense_steps(model, task, batch)
    updates.set_model(model)
    updates.on_train_begin()
    variant.before = lambda: updates.on_train_batch_begin(0)
    return variant


def variants(name, dtype):
    """name -> `Steps`."""
    data = noise(BATCH_SIZE.value)
    task, batch = ts.Task(data, epochs=1000), next(iter(data.train))
    model = ts.build_model(name, data)
    mask = ts.find_mask(model, "random", sparsity=SPARSITY.value)
    made = {"dense": dense_steps(built(name, data, dtype), task, batch)}
    made["dense, Keras' SGD"] = keras_sgd(built(name, data, dtype), task, batch)
    for recipe in ("none", "label_smoothing", *GHOSTS):
        given = (model, mask, RECIPES.get(recipe, recipe), task, batch)
        made["masked" if recipe == "none" else recipe] = masked_steps(*given, dtype=dtype)
        if recipe in GHOSTS:
            made[f"after {recipe}"] = masked_steps(*given, dtype=dtype, gone=True)
    if dtype is None:  # TF-MOT's wrapper multiplies a half-precision weight by a float32 mask, and fails
        made["tf-mot"] = tf_mot(name, data, task, batch)
    return made


def measure(name):
    """A row for each precision: seconds of every variant in every turn."""
    made = {precision: variants(name, policy(precision)) for precision in PRECISIONS}
    every = [variant for found in made.values() for variant in found.values()]
    for variant in [*every, *every]:  # the first step traces, the second may still allocate
        variant.step()
    turns = [
        {precision: {key: variant.step() for key, variant in found.items()} for precision, found in made.items()}
        for _ in range(REPEATS.value)
    ]
    facts = {"model": name, "batch_size": BATCH_SIZE.value}
    return [facts | {"precision": p, "seconds": [turn[p] for turn in turns]} for p in PRECISIONS]


def table(rows):
    shown = Table("network", "precision", "step", "seconds", "of dense", "of masked", title="Training steps, medians")
    for row in rows:
        turns = row["seconds"]
        for key in turns[0]:
            ratios = [spread([turn[key] / turn[other] for turn in turns]) for other in ("dense", "masked")]
            seconds = statistics.median(turn[key] for turn in turns)
            shown.add_row(row["model"], row["precision"], key, f"{seconds:.3f}", *ratios)
        shown.add_section()
    return shown


def main(argv):
    if _ONE.value:
        tf.get_logger().setLevel("ERROR")  # "retracing": each variant is traced once
        print(json.dumps(measure(_ONE.value)))
        return
    options = [f"--{flag.name}={flag.value}" for flag in (BATCH_SIZE, SPARSITY, REPEATS)]
    with progress() as shown:
        for name in shown(MODELS.value, "Measuring"):
            rows = write_rows(OUT.value, alone(__file__, name, *options), ("model", "precision"))
    Console().print(table(rows))


if __name__ == "__main__":
    app.run(main)
