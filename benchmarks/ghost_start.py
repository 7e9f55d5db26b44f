"""What becomes of ghost skips in the first steps, from a constant kernel and from He's distribution times a gain.

python benchmarks/ghost_start.py [--starts=fill=1e-4,gain=1] [--steps=400]

ResNet-20 on CIFAR-10 with a SNIP mask at 98 %, SGD at 0.1 with momentum 0.9; the ghosts live ten times as long as is measured.
The accuracy is on the training images of the last 100 steps.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pathlib

import tensorflow as tf
import tf_keras as keras
from absl import app, flags
from rich.console import Console
from rich.table import Table

import tfsparse as ts
from tfsparse.files import write_json
from tfsparse.progress import progress
from tfsparse.recipe.ghost_skip import GhostSkip

STARTS = flags.DEFINE_list(
    "starts",
    ["none", "fill=1e-4", "fill=0.1", "gain=1", "gain=0.5", "gain=0.15", "gain=0.05"],
    "No ghosts, constants, or He's distribution times a gain.",
)
STEPS = flags.DEFINE_integer("steps", 400, "Training steps, a multiple of 100.", lower_bound=100)
OUT = flags.DEFINE_string("out", "benchmarks/results/ghost_start.json", "JSON file for all measurements.")

SHOWN = (0, 1, 40, 100)  # steps after which the norm of the ghosts is noted
EPOCH = 100  # steps


class Norms(keras.callbacks.Callback):
    """Notes the mean norm of the ghosts' kernels after some steps, and the accuracy of each 100 steps."""

    def __init__(self):
        super().__init__()
        self.norms, self.accuracies = {}, []

    def on_train_begin(self, logs=None):
        self._note(0)

    def on_train_batch_end(self, batch, logs=None):
        self._note(int(self.model.optimizer.iterations))

    def on_epoch_end(self, epoch, logs=None):
        self.accuracies.append(logs["accuracy"])

    def _note(self, step):
        ghosts = [layer.convolution.kernel for layer in self.model.layers if isinstance(layer, GhostSkip)]
        if ghosts and step in SHOWN:
            self.norms[step] = float(tf.reduce_mean([tf.norm(kernel) for kernel in ghosts]))


def measure(start):
    """One training; a dict of the start, the norms and the accuracies."""
    keras.utils.set_random_seed(0)
    data = ts.load_data(f"cifar10(train={128 * EPOCH})")
    model = ts.build_model("resnet20", data)
    task = ts.Task(data, epochs=10 * STEPS.value // EPOCH, learning_rate=0.1)
    mask = ts.find_mask(model, "snip", sparsity=0.98, task=task)
    recipe = "none" if start == "none" else f"ghost_skips(share=1.0, {start})"
    prepared, notes = ts.prepare(model, mask, recipe, task), Norms()
    prepared.compile(task.make_optimizer(), task.loss_for(prepared), metrics=["accuracy"])
    prepared.fit(data.train, epochs=STEPS.value // EPOCH, verbose=0, callbacks=[notes])
    keras.backend.clear_session()
    return {"start": start, "norms": notes.norms, "accuracies": notes.accuracies}


def main(argv):
    with progress() as shown:
        rows = [measure(start) for start in shown(STARTS.value, "Training")]
    write_json(pathlib.Path(OUT.value), {"steps": STEPS.value, "rows": rows})
    table = Table("start", *[f"norm after {step}" for step in SHOWN], f"accuracy, step {STEPS.value}")
    for row in rows:
        norms = [f"{row['norms'][step]:.3g}" if step in row["norms"] else "" for step in SHOWN]
        table.add_row(row["start"], *norms, f"{row['accuracies'][-1]:.3f}")
    Console().print(table)


if __name__ == "__main__":
    app.run(main)
