"""Finds a sparse mask for any Keras model with one input and trains the masked model with a recipe made for sparsity (ToST).

    import tfsparse as ts

    data = ts.load_data("cifar10", batch_size=128, seed=0, download=True)
    model = ts.build_model("resnet32", data)
    task = ts.Task(data, epochs=160)
    mask = ts.find_mask(model, "snip(batches=4)", sparsity=0.95, task=task)
    history = ts.train(model, task, mask, recipe="tost")
    ts.export_model(model, "tflite", "saved_models/mine", mask=mask, data=data)

Import it before other libraries that use TensorFlow: it chooses Keras 2 (`import tf_keras as keras`), which TF-MOT and
KerasCV need.
"""

from tfsparse._keras import choose_keras_2

choose_keras_2()  # before anything imports TensorFlow, KerasCV or TF-MOT

from tfsparse.compaction import Compaction, compact
from tfsparse.data import load_data
from tfsparse.diagnosis import Diagnosis, diagnose
from tfsparse.doctor import Checkup, doctor
from tfsparse.experiment import Experiment, find_mask, load_run, run_experiment, train
from tfsparse.export import assert_sparsity, export_model, load_exported
from tfsparse.mask import Mask, export_mask, import_mask, prunable, sparsify
from tfsparse.masks import scores
from tfsparse.models import build_model
from tfsparse.recipe import Recipe, callbacks, ghosts_leave, prepare, strip, transfer
from tfsparse.task import Data, Task
from tfsparse.training import Diverged
from tfsparse.version import __version__

__all__ = [
    "Checkup",
    "Compaction",
    "Data",
    "Diagnosis",
    "Diverged",
    "Experiment",
    "Mask",
    "Recipe",
    "Task",
    "__version__",
    "assert_sparsity",
    "build_model",
    "callbacks",
    "compact",
    "diagnose",
    "doctor",
    "export_mask",
    "export_model",
    "find_mask",
    "ghosts_leave",
    "import_mask",
    "load_data",
    "load_exported",
    "load_run",
    "prepare",
    "prunable",
    "run_experiment",
    "scores",
    "sparsify",
    "strip",
    "train",
    "transfer",
]
