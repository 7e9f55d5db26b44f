"""How well does a network classify before any of its weights is trained, under a mask that Gem-Miner found?

    python benchmarks/gem_miner.py                                            # digits: 6 searches, a minute on 2 cores
    python benchmarks/gem_miner.py --data=cifar10 --epochs=150 --period=5 --densities=0.0144 --seeds=1       # a GPU's work

The claim of "Rare Gems" (Sreenivasan et al., 2022). Digits: scikit-learn's 8x8 images, 1,300 to train and 497 to test, and
three convolutions of 32, 64 and 64 channels with BatchNorm, a global mean and a classifier: 56,224 weights. CIFAR-10:
ResNet-20 with crops and flips; accuracies are those of the validation images. Chance is 0.10. Prints a table of accuracies
and densities, layer by layer, and adds each search to the JSON file; a search that was stopped goes on where it was, and its
seconds cover only the rest.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pathlib
import shutil
import time

import numpy as np
import tf_keras as keras
from absl import app, flags
from measured import write_rows
from rich.console import Console
from rich.table import Table

import tfsparse as ts
from tfsparse.registry import parse

DATA = flags.DEFINE_enum("data", "digits", ["digits", "cifar10"], "Data set, and the network that belongs to it.")
EPOCHS = flags.DEFINE_integer("epochs", 60, "Epochs of a search.", lower_bound=2)
PERIOD = flags.DEFINE_integer("period", 3, "Epochs between prunings.", lower_bound=1)
DENSITIES = flags.DEFINE_list("densities", ["0.05", "0.02"], "Shares of the weights that are kept.")
SEEDS = flags.DEFINE_integer("seeds", 3, "Searches for each density.", lower_bound=1)
OPTIONS = flags.DEFINE_string("options", "gem_miner", "The method with further options: 'gem_miner(penalty=1e-4)'.")
OUT = flags.DEFINE_string("out", "benchmarks/results/gem_miner.json", "JSON file for all measurements.")
SEARCHES = flags.DEFINE_string("searches", "saved_models/gem_miner", "Folder for what a search keeps until its end.")


def digits(seed):
    """The images as they are, 8x8, in a fixed split, and the network of the method's specification."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images.reshape(-1, 8, 8, 1)[order] / 16, labels[order]
    train, test = (images[:1300], labels[:1300]), (images[1300:], labels[1300:])
    x = inputs = keras.Input((8, 8, 1))
    for number, (channels, stride) in enumerate([(32, 1), (64, 2), (64, 2)]):
        x = keras.layers.Conv2D(channels, 3, stride, "same", use_bias=False, name=f"conv{number}")(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    outputs = keras.layers.Dense(10, name="head")(keras.layers.GlobalAveragePooling2D()(x))
    return ts.Data.from_arrays(train=train, test=test, batch_size=64, seed=seed), keras.Model(inputs, outputs)


def cifar10(seed):
    """CIFAR-10 and ResNet-20."""
    data = ts.load_data("cifar10", batch_size=128, seed=seed)
    return data, ts.build_model("resnet20", data)


def search(density, seed):
    """One search; what it found, as a dict for JSON."""
    keras.utils.set_random_seed(seed)
    data, model = {"digits": digits, "cifar10": cifar10}[DATA.value](seed)
    given = {"epochs": EPOCHS.value, "period": PERIOD.value} | parse(OPTIONS.value)[1]
    folder = pathlib.Path(SEARCHES.value) / f"{DATA.value}_{density:g}_{seed}"
    started = time.monotonic()
    task = ts.Task(data, epochs=EPOCHS.value, seed=seed)
    mask = ts.find_mask(model, "gem_miner", sparsity=1 - density, task=task, folder=folder, **given)
    took = round(time.monotonic() - started, 1)
    shutil.rmtree(folder)
    return {
        **{"data": DATA.value, "density": density, "seed": seed, "options": OPTIONS.value, **given},
        "accuracy_before_training": float(mask.metadata["accuracy_before_training"]),
        "stopped_at_epoch": mask.metadata.get("stopped_at_epoch"),
        "penalty": float(mask.metadata["penalty"]),
        "seconds": took,
        "densities": {path: float(array.mean()) for path, array in mask.items()},
    }


def table(rows):
    shown = Table("density", "accuracy before training: mean (lowest to highest)", "densities of the layers (mean)")
    for density in dict.fromkeys(row["density"] for row in rows):
        group = [row for row in rows if row["density"] == density]
        found = [row["accuracy_before_training"] for row in group]
        layers = {path: np.mean([row["densities"][path] for row in group]) for path in group[0]["densities"]}
        accuracy = f"{np.mean(found):.3f} ({min(found):.3f} to {max(found):.3f})"
        shown.add_row(f"{density:g}", accuracy, "  ".join(f"{path} {share:.3f}" for path, share in layers.items()))
    return shown


def main(argv):
    rows = []
    for density in map(float, DENSITIES.value):
        for seed in range(SEEDS.value):
            rows.append(search(density, seed))
            write_rows(OUT.value, rows, ("data", "density", "seed", "options", "epochs", "period"))
            print(rows[-1], flush=True)
    Console().print(table(rows))


if __name__ == "__main__":
    app.run(main)
