"""`find_mask` and `scores`: a method, its options and its search brought together."""

import dataclasses
import logging
import time

from tfsparse.frozen import kept_random_state
from tfsparse.mask.mask import Mask
from tfsparse.mask.mask_file import is_mask_file
from tfsparse.masks.collapse import check_collapse, check_room
from tfsparse.masks.given import given_mask
from tfsparse.masks.named import read_method
from tfsparse.masks.rank import checked, rank
from tfsparse.masks.reinitialized import reinitialized
from tfsparse.masks.rounds import Rounds, workplace
from tfsparse.masks.search import Ranking
from tfsparse.masks.start import begin, note_frozen
from tfsparse.progress import progress

log = logging.getLogger(__name__)


def find_mask(
    model,
    method,
    *,
    sparsity=None,
    task=None,
    seed=None,
    prunable="all",
    exclude=(),
    strict=False,
    folder=None,
    train=None,
    **options,
):
    """As `tfsparse.find_mask`, which documents the arguments and hands in `train`.

    Args:
        train: `train(model, task, mask, folder, steps)` trains a model in place over a part of the task's steps and
            returns its accuracies; for methods that train. None: such methods are refused.
    """
    started = time.monotonic()
    if isinstance(method, Mask) or is_mask_file(method):
        mask = given_mask(model, method, sparsity, exclude, options)
    else:
        start = begin(
            model,
            method,
            sparsity=sparsity,
            task=task,
            seed=seed,
            prunable=prunable,
            exclude=exclude,
            further=options,
            train=train,
        )
        check_room(start.search, strict)
        note_frozen(start.search)
        mask = _search(start, folder)
    check_collapse(mask, strict)
    if time.monotonic() - started > 1:
        log.info("%s: %r, %.1f s", method, mask, time.monotonic() - started)
    return mask


def scores(model, method, task=None, *, prunable="all", exclude=(), **options):
    """The scores that `find_mask` ranks (in its first round, if the method has several); the highest are kept.

    Args:
        model: built tf_keras model; left as it is.
        method: a name in `METHODS`, with options or without, that ranks scores.
        task: `Task`; methods that look at data need one.
        prunable: as in `find_mask`; `exclude` and the method's own options likewise.

    Returns:
        Dict from weight path to array of the weight's shape; those of `synflow` are float64.

    >>> import tf_keras as keras
    >>> head = keras.layers.Dense(1, kernel_initializer="ones", input_shape=(2,), name="head")
    >>> scores(keras.Sequential([head]), "magnitude")["head/kernel"].tolist()
    [[1.0], [1.0]]

    Raises:
        ValueError: as `find_mask`; or the method has no scores (`random`, `erk`), or trains for them (`imp`, `gem_miner`,
            `gradual`); or an option says how many are kept, or where (`allocation`, `pattern`, `min_per_layer`, `sanity`).
    """
    _, _, choices = read_method(method, options)
    spent = [name for name, value in vars(choices).items() if value]
    if spent:
        raise ValueError(
            f"scores gives what is ranked, not what is kept: leave out {', '.join(spent)}, or use find_mask."
        )
    start = begin(model, method, sparsity=0.0, task=task, prunable=prunable, exclude=exclude, further=options)
    search = start.search
    with kept_random_state(), progress() as shown:
        ranking = start.entry(dataclasses.replace(search, shown=shown), **start.given)
        if ranking.drawn or ranking.trains:
            raise ValueError(f"Mask method {start.name!r} ranks no scores of its own; find_mask gives its mask.")
        return checked(ranking.score(search.everything), search.weights, search.everything)


def _search(start, folder):
    with kept_random_state(), progress() as shown, workplace(folder) as place:
        search = dataclasses.replace(start.search, shown=shown, folder=place)
        if start.choices.sanity == "reinitialize":
            search = reinitialized(search)
        ranking = start.entry(search, **start.given)
        if not isinstance(ranking, Ranking):
            raise TypeError(
                f"Mask method {start.name!r} must return a Ranking, received {type(ranking).__name__}: "
                "Ranking(lambda live: scores) of a dict from path to scores."
            )
        rounds = Rounds(place, start.fingerprint()) if ranking.trains else None
        arrays = rank(search, ranking, start.choices, rounds)
        weights = ranking.weights and ranking.weights(arrays)
    if start.choices.sanity == "reinitialize" or (start.choices.sanity and ranking.trained):
        weights = None  # they belong to the other initialisation, or were trained under another mask
    return Mask(arrays, start.metadata(search.notes), weights)
