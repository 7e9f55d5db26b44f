"""Finds masks: which weights live.

- `random`, `erk`: no look at the network; strong baselines at moderate sparsity, above all for wide networks.
- `magnitude`: large weights; made for trained networks. Fresh ones lose whole layers above about 90 %.
- `snip`: one look at the data; good at moderate sparsity, loses layers at extreme sparsity.
- `synflow`: no data, 100 rounds; holds together at any sparsity. The choice above 95 %.
- a mask file (`"path/to/mask.safetensors"`) or a `Mask`.

A new method is a function `(search, *, options)` in a file here and a line in `METHODS`. It gets a `Search` and returns a
`Ranking` (its score function; counts, ties, budgets and rounds are done for it) or finished boolean arrays by path.
"""

import dataclasses
import json
import logging
import os
import time
import warnings

import tensorflow as tf

from tfsparse.frozen import kept_random_state
from tfsparse.mask.mask import Mask
from tfsparse.mask.prunable import prunable as prunable_weights
from tfsparse.masks.allocate import live_count
from tfsparse.masks.drawn import erk, random
from tfsparse.masks.magnitude import magnitude
from tfsparse.masks.search import Ranking, Search, checked, rank
from tfsparse.masks.snip import snip
from tfsparse.masks.synflow import synflow
from tfsparse.progress import progress
from tfsparse.registry import options, parse, resolve
from tfsparse.version import __version__

METHODS = {"random": random, "erk": erk, "magnitude": magnitude, "snip": snip, "synflow": synflow}

log = logging.getLogger(__name__)


def find_mask(model, method, *, sparsity=None, task=None, seed=None, prunable="all", strict=False):
    """Finds the weights of `model` that live; the model and all random states are left bit for bit as they were.

    Args:
        model: built tf_keras model.
        method: a name in `METHODS`, with options or without: `"snip(batches=4)"`; or a `Mask`, or the path of a mask
            file (ending in `.safetensors`), which is then only checked against the model.
        sparsity: share of the prunable weights that are zero, in [0, 1): exactly `round((1 - sparsity) * n)` live.
            A given mask has its own, which wins; a note in the log says when they differ.
        task: `Task`; methods that look at data need one.
        seed: of draws and ties; None: the task's, or 0.
        prunable: `"all"`, or `"conv"` for convolution kernels only. A given mask names its weights itself.
        strict: refuse a mask that leaves a layer without a weight, instead of warning.

    Returns:
        `Mask`; its metadata say how it was found.

    >>> import tf_keras as keras
    >>> model = keras.Sequential([keras.layers.Dense(4, input_shape=(5,), name="head")])
    >>> find_mask(model, "random", sparsity=0.75)
    Mask(1 weights, 5 of 20 live, sparsity 0.7500)

    Raises:
        ValueError: unknown method or option, a sparsity out of range or that leaves nothing, a method that needs a task
            without one, scores that are not finite, a mask that does not fit, with `strict` a layer without a weight.
        FileNotFoundError: no such mask file.
    """
    started = time.monotonic()
    if isinstance(method, (Mask, os.PathLike)) or str(method).endswith(".safetensors"):
        mask = _given(model, method, sparsity)
    else:
        entry, given, search = _prepare(model, method, task, seed, prunable, sparsity)
        with kept_random_state(), progress() as shown:
            search = dataclasses.replace(search, shown=shown)
            found = entry(search, **given)
            arrays = rank(search, found) if isinstance(found, Ranking) else found
        mask = Mask(arrays, _metadata(method, {**options(entry), **given}, sparsity, search.seed, prunable))
    _check_collapse(mask, strict)
    if time.monotonic() - started > 1:
        log.info("%s: %r, %.1f s", method, mask, time.monotonic() - started)
    return mask


def scores(model, method, task=None, *, prunable="all"):
    """The scores that `find_mask` ranks (in its first round, if the method has several); the highest are kept.

    Args:
        model: built tf_keras model; left as it is.
        method: a name in `METHODS`, with options or without, that ranks scores.
        task: `Task`; methods that look at data need one.
        prunable: as in `find_mask`.

    Returns:
        Dict from weight path to array of the weight's shape; float64 where float32 could overflow.

    >>> import tf_keras as keras
    >>> head = keras.layers.Dense(1, kernel_initializer="ones", input_shape=(2,), name="head")
    >>> scores(keras.Sequential([head]), "magnitude")["head/kernel"].tolist()
    [[1.0], [1.0]]

    Raises:
        ValueError: as `find_mask`; or the method has no scores (`random`, `erk`).
    """
    entry, given, search = _prepare(model, method, task, None, prunable, 0.0)
    with kept_random_state(), progress() as shown:
        search = dataclasses.replace(search, shown=shown)
        found = entry(search, **given)
        if not isinstance(found, Ranking):
            raise ValueError(f"Mask method {parse(method)[0]!r} ranks no scores; find_mask gives its mask.")
        return checked(found.score(search.everything))


def _prepare(model, method, task, seed, prunable, sparsity):
    """Checks everything that can be checked before work starts. Returns the method, its options and the search."""
    entry, given = resolve(METHODS, method, "mask method")
    if tf.distribute.has_strategy():
        raise ValueError("Masks are found outside strategy.scope(): the scores must not be spread over replicas.")
    weights = prunable_weights(model, prunable)
    if sparsity is None:
        raise ValueError(f"Mask method {method!r} needs a sparsity in [0, 1).")
    seed = (0 if task is None else task.seed) if seed is None else seed
    search = Search(model, weights, sparsity, task, seed)
    live_count(sparsity, search.total)  # a sparsity out of range shall not be found out later
    return entry, given, search


def _given(model, mask, sparsity):
    mask = mask if isinstance(mask, Mask) else Mask.load(mask)
    mask.check(model)
    if sparsity is not None and live_count(sparsity, mask.total) != mask.live:
        log.warning("The mask has sparsity %.4f; sparsity=%s is not used.", mask.sparsity, sparsity)
    return mask


def _metadata(method, given, sparsity, seed, prunable):
    """What a mask file says about its origin; all strings, as safetensors wants."""
    name, _ = parse(method)
    rows = {"method": name, "options": json.dumps(given), "sparsity": sparsity, "seed": seed, "prunable": prunable}
    return {key: str(value) for key, value in {**rows, "version": __version__}.items()}


def _check_collapse(mask, strict):
    if not mask.live:
        raise ValueError("The mask leaves no weight at all.")
    if mask.empty:
        message = (
            f"{len(mask.empty)} of {len(mask)} layers are left without a weight: {', '.join(mask.empty)}. Unless a "
            "shortcut leads around them, the network's outputs are constant. Lower the sparsity, or use 'synflow' or 'erk'."
        )
        if strict:
            raise ValueError(message)
        warnings.warn(message, stacklevel=3)
