"""One worker of a cluster trains a model of its own start; run by `test_workers.py`."""

import pathlib
import sys

import numpy as np
import tf_keras as keras

from tfsparse import paths
from tfsparse.data import load_data
from tfsparse.experiment import train
from tfsparse.models import build_model
from tfsparse.task import Task
from tfsparse.training import is_chief, make_strategy


def main(folder):
    strategy = make_strategy("multi_worker")
    name = "chief" if is_chief(strategy) else "other"
    keras.utils.set_random_seed(0 if name == "chief" else 1)
    data = load_data("digits", batch_size=256)
    model = build_model("resnet8(width=0.25)", data)
    before = {path: variable.numpy() for path, variable in paths.weights(model).items()}
    train(model, Task(data, epochs=1), recipe="rescaled_init(iterations=2)", strategy=strategy, verbose=0)
    after = {path: variable.numpy() for path, variable in paths.weights(model).items()}
    for when, weights in (("before", before), ("after", after)):
        np.savez(pathlib.Path(folder) / f"{when}-{name}.npz", **weights)


if __name__ == "__main__":
    main(*sys.argv[1:])
