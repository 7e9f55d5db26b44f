"""What benchmarks share."""

import json
import pathlib
import time

import numpy as np
import tensorflow as tf

import tfsparse as ts


class Steps:
    """Training steps of one compiled model on one batch."""

    def __init__(self, model, batch, before=lambda: None):
        # Not `train_on_batch`, which makes an iterator for every step: its end waits for TensorFlow's data autotuning.
        options = tf.data.Options()
        options.autotune.enabled = False
        self.batches = iter(tf.data.Dataset.from_tensors(batch).repeat().with_options(options))
        self.train, self.before = model.make_train_function(), before

    def step(self):
        """Seconds that a training step took."""
        start = time.perf_counter()
        self.before()
        self.train(self.batches)["loss"].numpy()
        return time.perf_counter() - start


def noise(batch_size, batches=1):
    """`Data` of random 32x32 images in ten classes: no file is needed."""
    images = np.random.default_rng(0).integers(0, 256, (batches * batch_size, 32, 32, 3)).astype("uint8")
    labels = np.arange(len(images)) % 10
    options = {"num_classes": 10, "mean": (128.0,) * 3, "std": (64.0,) * 3}
    return ts.Data.from_arrays(train=(images, labels), batch_size=batch_size, **options)


def processor():
    """Its name and what it knows of half precision, where Linux says so."""
    path = pathlib.Path("/proc/cpuinfo")
    lines = dict(line.split(":", 1) for line in path.read_text().splitlines() if ":" in line) if path.is_file() else {}
    facts = {name.strip(): value for name, value in lines.items()}
    known = [flag for flag in ("avx512f", "avx512_bf16", "amx_bf16") if flag in facts.get("flags", "").split()]
    return ", ".join([facts.get("model name", "unknown").strip(), *known])


def with_earlier(path, rows, key):
    """`rows` after those that the JSON file at `path` has of other cases.

    Args:
        path: `pathlib.Path`; it need not be there.
        rows: dicts.
        key: names of what tells cases apart.
    """
    new = {tuple(row[name] for name in key) for row in rows}
    old = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.is_file() else []
    return [row for row in old if tuple(row[name] for name in key) not in new] + rows
