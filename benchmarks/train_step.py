"""Time of one training step: dense, sparse, with ghosts and after them, and under TF-MOT's own wrapper.

    python benchmarks/train_step.py [--models=resnet18,resnet32,vgg16,mobilenet] [--precisions=none,bfloat16] [--repeats=5]

Images are noise, 32x32, so that no data is needed. Each network and precision has a process of its own, in which all variants
take a step in turn, again and again; the medians count, and ratios are those of steps of the same turn. `dense` is Keras
alone: its layers, its SGD with momentum. The others train under a random mask.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import json
import pathlib
import platform
import statistics
import subprocess
import sys

import tensorflow as tf
import tf_keras as keras
from absl import app, flags
from rich.console import Console
from rich.table import Table
from steps import Steps, noise, processor
from tensorflow_model_optimization.sparsity import keras as tfmot

import tfsparse as ts
from tfsparse.files import write_json
from tfsparse.progress import progress
from tfsparse.training import policy

MODELS = flags.DEFINE_list("models", ["resnet18", "resnet32", "vgg16", "mobilenet"], "Networks.")
PRECISIONS = flags.DEFINE_list("precisions", ["none", "bfloat16"], "Precisions.")
BATCH_SIZE = flags.DEFINE_integer("batch_size", 128, "Images a step.", lower_bound=1)
SPARSITY = flags.DEFINE_float("sparsity", 0.9, "Of the masks.")
REPEATS = flags.DEFINE_integer("repeats", 5, "Turns, of which the median counts.", lower_bound=1)
OUT = flags.DEFINE_string("out", "benchmarks/results/train_step.json", "JSON file for all measurements.")
_ONE = flags.DEFINE_list("one", None, "Measure one network and one precision here, and print JSON.")

GHOSTS = ("ghost_neurons", "ghost_skips", "tost")
RECIPES = {"tost": "ghost_neurons,ghost_skips,label_smoothing"}  # all that a step sees of it


def compiled(model, optimizer, loss, batch, **options):
    model.compile(optimizer, loss)
    return Steps(model, batch, **options)


def dense(name, data, task, dtype, batch):
    keras.mixed_precision.set_global_policy(dtype or "float32")
    model = ts.build_model(name, data)
    keras.mixed_precision.set_global_policy("float32")
    return compiled(model, keras.optimizers.SGD(0.1, momentum=0.9), task.loss_for(model), batch)


def sparse(model, mask, recipe, task, dtype, batch, gone=False):
    recipe = ts.Recipe(recipe)
    prepared = ts.prepare(model, mask, recipe, task, initialize=False, dtype=dtype)
    if gone:
        for layer in prepared.layers:
            if hasattr(layer, "hand_over"):
                layer.step.assign(layer.steps)
    variant = compiled(prepared, task.make_optimizer(), recipe.loss(task.loss_for(model)), batch)
    for callback in ts.callbacks(prepared):
        callback.set_model(prepared)
        callback.on_train_begin()
    return variant


def tf_mot(name, data, task, batch):
    """TF-MOT's wrapper; its masks are of magnitudes, and are not looked for again in what is measured."""
    plain = ts.build_model(name, data)
    schedule = tfmot.ConstantSparsity(SPARSITY.value, 0, frequency=10**6)
    model = tfmot.prune_low_magnitude(plain, schedule)
    updates = tfmot.UpdatePruningStep()
    variant = compiled(model, keras.optimizers.SGD(0.1, momentum=0.9), task.loss_for(plain), batch)
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
    given = (task, dtype, batch)
    made = {"dense": dense(name, data, *given), "masked": sparse(model, mask, "none", *given)}
    made["label_smoothing"] = sparse(model, mask, "label_smoothing", *given)
    for recipe in GHOSTS:
        made[recipe] = sparse(model, mask, RECIPES.get(recipe, recipe), *given)
        made[f"after {recipe}"] = sparse(model, mask, RECIPES.get(recipe, recipe), *given, gone=True)
    if dtype is None:  # its wrapper multiplies a float32 mask with a half-precision weight, and fails
        made["tf-mot"] = tf_mot(name, data, task, batch)
    return made


def measure(name, precision):
    """Seconds of every variant in every turn."""
    made = variants(name, policy(precision))
    for variant in made.values():
        variant.step()
        variant.step()  # the first traces, the second may still allocate
    turns = [{key: variant.step() for key, variant in made.items()} for _ in range(REPEATS.value)]
    return {"model": name, "precision": precision, "batch_size": BATCH_SIZE.value, "seconds": turns}


def measure_alone(name, precision):
    """As `measure`, in a new process."""
    command = [sys.executable, __file__, f"--one={name},{precision}", f"--repeats={REPEATS.value}"]
    command += [f"--batch_size={BATCH_SIZE.value}", f"--sparsity={SPARSITY.value}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"{name} in {precision} failed.")
    return json.loads(done.stdout.splitlines()[-1])


def table(rows):
    shown = Table("network", "precision", "step", "seconds", "of dense", "of masked", title="Training steps, medians")
    for row in rows:
        turns = row["seconds"]
        for key in turns[0]:
            ratios = [
                f"{statistics.median(turn[key] / turn[other] for turn in turns):.2f}" for other in ("dense", "masked")
            ]
            seconds = statistics.median(turn[key] for turn in turns)
            shown.add_row(row["model"], row["precision"], key, f"{seconds:.3f}", *ratios)
        shown.add_section()
    return shown


def main(argv):
    if _ONE.value:
        tf.get_logger().setLevel("ERROR")  # "retracing": each variant is traced once
        print(json.dumps(measure(*_ONE.value)))
        return
    cases = [(name, precision) for name in MODELS.value for precision in PRECISIONS.value]
    with progress() as shown:
        rows = [measure_alone(*case) for case in shown(cases, "Measuring")]
    machine = {
        "tensorflow": tf.__version__,
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "processor": processor(),
    }
    pathlib.Path(OUT.value).parent.mkdir(parents=True, exist_ok=True)
    write_json(pathlib.Path(OUT.value), {**machine, "rows": rows})
    Console().print(table(rows))


if __name__ == "__main__":
    app.run(main)
