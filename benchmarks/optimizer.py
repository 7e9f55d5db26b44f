"""The optimizer's share of a training step and of its start: Keras' SGD and tfsparse's, on the weights of a network.

    python benchmarks/optimizer.py [--models=resnet18,resnet32,vgg16,mobilenet] [--repeats=21]

Both have momentum and weight decay (Keras' decoupled, tfsparse's in the gradient) and take steps in turn on given gradients;
ratios are those of steps in the same turn. What is traced is the graph of the step, once per training.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import statistics
import time

import tensorflow as tf
import tf_keras as keras
from absl import app, flags
from measured import seconds, write_rows
from rich.console import Console
from rich.table import Table
from steps import noise

import tfsparse as ts
from tfsparse.progress import progress
from tfsparse.task.sgd import SGD

MODELS = flags.DEFINE_list("models", ["resnet18", "resnet32", "vgg16", "mobilenet"], "Networks.")
REPEATS = flags.DEFINE_integer("repeats", 21, "Turns, of which the median counts.", lower_bound=1)
OUT = flags.DEFINE_string("out", "benchmarks/results/optimizer.json", "JSON file for all measurements.")
SGDS = {"keras": keras.optimizers.SGD, "tfsparse": SGD}


def stepper(make, weights):
    """(function that takes a step, seconds it took to trace, operations of its graph)."""
    variables = [tf.Variable(weight) for weight in weights]
    gradients = [tf.random.normal(weight.shape, seed=0) for weight in weights]
    optimizer = make(0.1, momentum=0.9, weight_decay=2e-4)
    optimizer.build(variables)
    step = tf.function(lambda: optimizer.apply_gradients(zip(gradients, variables, strict=True)))
    start = time.perf_counter()
    graph = step.get_concrete_function().graph
    return step, time.perf_counter() - start, len(graph.get_operations())


def measure(name):
    weights = [v.numpy() for v in ts.build_model(name, noise(8)).trainable_variables]
    made = {key: stepper(make, weights) for key, make in SGDS.items()}
    for step, *_ in made.values():
        step().numpy()  # the first optimizes the graph
    turns = [
        {key: seconds(lambda step=step: step().numpy()) for key, (step, *_) in made.items()}
        for _ in range(REPEATS.value)
    ]
    graphs = {key: {"trace_seconds": trace, "operations": count} for key, (_, trace, count) in made.items()}
    counts = {"variables": len(weights), "weights": sum(weight.size for weight in weights)}
    return {"model": name, **counts, "graphs": graphs, "seconds": turns}


def main(argv):
    stepper(SGD, [tf.zeros(1)])  # the first trace of a process has costs that later ones do not have
    stepper(keras.optimizers.SGD, [tf.zeros(1)])
    with progress() as shown:
        rows = [measure(name) for name in shown(MODELS.value, "Measuring")]
    rows = write_rows(OUT.value, rows, ("model",))
    table = Table("network", "variables", "ms, Keras", "ms, tfsparse", "times as fast", "operations", "trace, s")
    for row in rows:
        both = [[turn[key] for turn in row["seconds"]] for key in SGDS]
        times = [f"{1000 * statistics.median(one):.1f}" for one in both]
        ratio = f"{statistics.median(a / b for a, b in zip(*both, strict=True)):.2f}"
        graphs = [row["graphs"][key] for key in SGDS]
        cells = [" / ".join(f"{graph[name]:.4g}" for graph in graphs) for name in ("operations", "trace_seconds")]
        table.add_row(row["model"], str(row["variables"]), *times, ratio, *cells)
    Console().print(table)


if __name__ == "__main__":
    app.run(main)
