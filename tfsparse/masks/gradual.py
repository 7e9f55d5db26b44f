"""Gradual magnitude pruning, as TensorFlow Model Optimization does it."""

import dataclasses

import numpy as np
from tensorflow_model_optimization.sparsity import keras as tfmot

from tfsparse.graph import require_graph
from tfsparse.masks.gradual_training import GradualTraining
from tfsparse.masks.search import Ranking
from tfsparse.values import real, whole


def gradual(search, *, initial_sparsity=0.0, begin=0.0, end=0.75, frequency=100, power=3, epochs=None):
    """Trains by the task while TF-MOT zeroes the smallest weights |w| of each layer, more and more of them (Zhu & Gupta,
    "To prune, or not to prune: exploring the efficacy of pruning for model compression", 2017).

    At training step t, every `frequency` steps from `begin` to `end`, the sparsity of every layer becomes
    s + (s0 - s) * (1 - (t - begin) / (end - begin))**power: TF-MOT's `PolynomialDecay` and `PruneLowMagnitude` with
    `UpdatePruningStep`. Zeroed weights may come back at the next such step, until `end`. Then training goes on with the
    mask as it is.

    The mask is TF-MOT's final one, its counts made exact: TF-MOT rounds in each layer, keeps a weight of every layer at least
    and all that tie with the last one in. `pattern` and `min_per_layer` are applied to the trained weights, many of which are 0
    by then, and what they need besides is drawn among those; another `allocation` is refused. Training on may start from the
    trained weights, the mask's `weights` (a shuffled or inverted mask has none); their accuracy is in the notes: `accuracies`,
    if labels are classes.

    `end` is taken down to a whole number of `frequency` steps from `begin`, so that the last pruning reaches the sparsity
    asked for (TF-MOT may stop short of it). Weights of a layer that the model calls n times are pruned n times as early.
    It trains on one device, in the model's own precision, whatever `find_mask`'s `training` says.

    Args:
        search: `Search`; needs a task, and a functional or Sequential model.
        initial_sparsity: s0, in [0, sparsity].
        begin: share of all steps after which pruning begins.
        end: share of all steps after which no more is pruned.
        frequency: steps from one pruning to the next.
        power: 1 is a straight line; 3 prunes fast first and slowly at the end.
        epochs: of the training; None: the task's.

    Returns:
        `Ranking`, whose weights are the trained ones.

    Raises:
        ValueError: no task, an option out of range, fewer steps than one pruning needs, an optimizer with `use_ema`, or a
            subclassed model.
    """
    task = search.require_task("gradual")
    require_graph(search.model, "Gradual pruning wraps layers and")
    if epochs is not None:
        task = dataclasses.replace(task, epochs=whole(epochs, "epochs"))
    if getattr(task.make_optimizer(), "use_ema", False):
        raise ValueError(
            "The task's optimizer has use_ema=True, and 'gradual' trains by one fit an epoch: Keras puts the averages in the "
            "weights' place at the end of each, and their training is lost. Give an optimizer without it."
        )
    frequency, power = whole(frequency, "frequency"), real(power, "power", "(0, inf)")
    real(initial_sparsity, "initial_sparsity", f"[0, {search.sparsity}]", "from nothing to the sparsity asked for")
    first, last = _steps(task.steps, begin, end, frequency)
    schedule = tfmot.PolynomialDecay(initial_sparsity, search.sparsity, first, last, power=power, frequency=frequency)
    training = GradualTraining(search, task, schedule)

    def score(live, number):
        masks, trained = training.result()
        return {path: _ranked(np.abs(trained[path]), masks[path]) for path in search.weights}

    def weights(mask):
        return training.result()[1]

    return Ranking(score, allocation="uniform", trains=True, weights=weights, trained=True)


def _ranked(sizes, mask):
    """The sizes of the trained weights: above 0 where TF-MOT's mask lets live, 0 elsewhere."""
    return np.where(mask, np.maximum(sizes, np.finfo(sizes.dtype).tiny), 0)


def _steps(steps, begin, end, frequency):
    """First and last step of pruning.

    >>> _steps(1000, 0.1, 0.5, 150)
    (100, 400)
    """
    end = real(end, "end", "(0, 1]", "a share of the steps")
    begin = real(begin, "begin", f"[0, {end})", "a share of the steps, before end")
    first, last = round(begin * steps), round(end * steps)
    if last - first < frequency:
        raise ValueError(
            f"From begin={begin} to end={end} there are {last - first} of {steps} steps, fewer than frequency={frequency}: "
            f"nothing would be pruned. Lower the frequency, to about {max((last - first) // 10, 1)}, or train longer."
        )
    return first, first + (last - first) // frequency * frequency
