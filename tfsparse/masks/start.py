"""What is checked and put together before the work of a search starts."""

import dataclasses
import hashlib
import json
import logging
from collections.abc import Callable

import tensorflow as tf

from tfsparse.mask.mask import Mask
from tfsparse.mask.masked_layer import of_training
from tfsparse.mask.prunable import prunable as prunable_weights
from tfsparse.masks.allocate import live_count
from tfsparse.masks.allocations import find_allocation
from tfsparse.masks.choices import Choices
from tfsparse.masks.named import of_python, read_method
from tfsparse.masks.search import Search
from tfsparse.registry import options, parse
from tfsparse.task.decides import decides
from tfsparse.values import whole
from tfsparse.version import __version__

log = logging.getLogger(__name__)

_NAMED = 3  # layers in a note


@dataclasses.dataclass(frozen=True)
class Start:
    """A method, its own options, the options that all methods share, and the search that it will be given."""

    name: str
    entry: Callable
    given: dict
    choices: Choices
    search: Search
    prunable: str

    def _facts(self):
        common = {name: value for name, value in vars(self.choices).items() if value not in (None, 0)}
        given = {**options(self.entry), **self.given, **{name: _text(value) for name, value in common.items()}}
        search = self.search
        return {
            "method": self.name,
            "options": json.dumps(given),
            "sparsity": search.sparsity,
            "seed": search.seed,
            "prunable": self.prunable,
        }

    def metadata(self, notes):
        """What a mask file says about its origin; all strings, as safetensors wants."""
        notes = {name: value if isinstance(value, str) else json.dumps(value) for name, value in notes.items()}
        return {**{name: str(value) for name, value in self._facts().items()}, **notes, "version": __version__}

    def fingerprint(self):
        """What decides the outcome of the search: settings, the configurations of optimizer and loss, and a digest of the
        weights it begins with. It leaves out the images, and what a user's own functions do with them.
        """
        digest, task = hashlib.sha256(), self.search.task
        for variable in self.search.model.weights:
            digest.update(variable.numpy().tobytes())
        facts = {} if task is None else decides(task, self.search.model)
        return {**self._facts(), **facts, "masked": list(self.search.weights), "weights": digest.hexdigest()}


def begin(model, method, *, sparsity, task=None, seed=None, prunable="all", exclude=(), further=None, train=None):
    """Checks everything that can be checked before work starts; returns a `Start`. Takes the arguments of `find_mask`;
    `further` are its `options`."""
    entry, given, choices = read_method(method, further)
    if tf.distribute.has_strategy():
        raise ValueError("Find masks outside strategy.scope(): the scores must not be spread over replicas.")
    every = prunable_weights(model, prunable)
    if layer := of_training(model):
        raise ValueError(
            f"Layer {layer.name!r} ({type(layer).__name__}) belongs to training, and no mask is for it: give the plain model, "
            "ts.strip(model) of a prepared one."
        )
    weights, choices = _without(every, exclude), choices.read(model)
    if sparsity is None and hasattr(choices.allocation, "sparsity"):
        sparsity = choices.allocation.sparsity
    if sparsity is None:
        raise ValueError(f"Mask method {method!r} needs a sparsity in [0, 1).")
    seed = whole((0 if task is None else task.seed) if seed is None else seed, "seed", least=0)
    search = Search(model, weights, of_python(sparsity), task, seed, train=train)
    live_count(sparsity, search.total)  # so that a sparsity out of range is found out now
    choices.pattern_for(search)
    if choices.allocation:
        find_allocation(choices.allocation)({path: tuple(w.shape) for path, w in weights.items()}, search.count)
    return Start(parse(method)[0], entry, given, choices, search, prunable)


def note_frozen(search):
    """Warns of weights to be pruned that are frozen, as in a pretrained base, so that no training will adapt them."""
    trained = {id(variable) for variable in search.model.trainable_variables}
    stuck = [path for path, variable in search.weights.items() if id(variable) not in trained]
    if not stuck:
        return
    mixed = {path.split("/")[0] for path in search.weights if path not in stuck}
    names = list(dict.fromkeys(path if path.split("/")[0] in mixed else path.split("/")[0] for path in stuck))
    log.warning(
        "%d of the %d weights to be pruned are frozen and cannot adapt to what is pruned: exclude=%s leaves them alone.",
        len(stuck),
        len(search.weights),
        names if len(names) <= _NAMED else [*names[:_NAMED], "..."],
    )


def _without(weights, exclude):
    """The weights that are not excluded; every name must exclude something."""
    exclude = [exclude] if isinstance(exclude, str) else list(exclude)
    for name in exclude:
        if not any(path == name or path.startswith(name + "/") for path in weights):
            raise ValueError(f"exclude={name!r} is no prunable weight or layer. Known: {', '.join(weights)}.")
    kept = {p: v for p, v in weights.items() if not any(p == name or p.startswith(name + "/") for name in exclude)}
    if not kept:
        raise ValueError(f"exclude={exclude} leaves nothing to prune.")
    return kept


def _text(value):
    if isinstance(value, Mask):
        return f"mask {value.digest}"  # its file may hold another mask by the time the search resumes
    return value if isinstance(value, str | int) else repr(value)
