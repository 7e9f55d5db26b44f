"""Gradual magnitude pruning, as TensorFlow Model Optimization does it."""

import dataclasses

import numpy as np
from tensorflow_model_optimization.sparsity import keras as tfmot

from tfsparse.graph import require_graph
from tfsparse.masks.gradual_training import GradualTraining
from tfsparse.masks.search import Ranking
from tfsparse.values import real, whole


def gradual(search, *, initial_sparsity=0.0, begin=0.0, end=0.75, frequency=100, power=3, epochs=None):
    """Trains as the task says while TF-MOT zeroes more and more of the smallest weights |w| of each layer (Zhu & Gupta,
    "To prune, or not to prune: exploring the efficacy of pruning for model compression", 2017).

    At training step t, every `frequency` steps from `begin` to `end`, the sparsity of every layer becomes
    s + (s0 - s) * (1 - (t - begin) / (end - begin))**power: TF-MOT's `PolynomialDecay` and `PruneLowMagnitude` with
    `UpdatePruningStep`. Zeroed weights may come back at the next such step, until `end`. After that, training goes
    on with a fixed mask.

    The mask is TF-MOT's final one with exact counts: TF-MOT rounds in each layer, keeps at least one weight of every layer,
    and keeps all that tie with the last one in. `pattern` and `min_per_layer` are applied to the trained weights, many of which
    are 0 by then; any weights that these options need beyond the others are drawn among the zeros. Another `allocation` is
    refused. Further training may start from the trained weights, which are the mask's `weights` (a shuffled or inverted mask
    has none); the note `accuracies` holds their accuracies, if labels are classes.

    `end` is rounded down to a whole number of `frequency` steps from `begin`, so that the last pruning reaches the sparsity
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
            "The task's optimizer has use_ema=True: Keras puts averages in the weights' place when a training ends, and in "
            "them the weights that 'gradual' has pruned on the way are not 0. Give an optimizer without it."
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
    """The sizes of the trained weights: above 0 where TF-MOT's mask keeps them, 0 elsewhere."""
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
