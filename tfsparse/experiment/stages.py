"""The stages of a run up to the trained model; each reuses what an earlier run left in the folder."""

import dataclasses
import logging

import tensorflow as tf
import tf_keras as keras

from tfsparse.data import load_data
from tfsparse.diagnosis import diagnose
from tfsparse.experiment.check import excluded
from tfsparse.experiment.kept_model import load_kept
from tfsparse.experiment.search import find_mask
from tfsparse.experiment.train import train
from tfsparse.frozen import kept_random_state
from tfsparse.mask import Mask
from tfsparse.mask.mask_file import read_mask_file
from tfsparse.masks.start import begin
from tfsparse.models import build_model
from tfsparse.task import Task
from tfsparse.training import AUTO, fastest, is_chief, meet, policy

log = logging.getLogger(__name__)

_BATCH_SIZE = 128  # what --learning_rate is meant for


def load_task(experiment):
    """The task of an experiment, its data loaded. Seeds all random states, and with `deterministic` makes TensorFlow's ops
    deterministic for the rest of the process."""
    keras.utils.set_random_seed(experiment.seed)
    if experiment.deterministic:
        tf.config.experimental.enable_op_determinism()
    data = load_data(
        experiment.data,
        batch_size=experiment.batch_size,
        seed=experiment.seed,
        augment=experiment.augment,
        data_dir=experiment.data_dir,
        download=experiment.download,
    )
    names = ("epochs", "momentum", "weight_decay", "schedule", "seed")
    return Task(data, learning_rate=learning_rate(experiment), **{name: getattr(experiment, name) for name in names})


def learning_rate(experiment):
    """The learning rate for the experiment's batch size.

    >>> from tfsparse.experiment import Experiment
    >>> learning_rate(Experiment(learning_rate=0.1, batch_size=512, learning_rate_scaling="linear"))
    0.4
    """
    power = {"none": 0, "linear": 1, "sqrt": 0.5}[experiment.learning_rate_scaling]
    return experiment.learning_rate * (experiment.batch_size / _BATCH_SIZE) ** power


def with_measured_precision(experiment, make_model):
    """The experiment, with auto replaced by the precision in which steps of `make_model()` are fastest here."""
    if experiment.mixed_precision != AUTO:
        return experiment
    return dataclasses.replace(experiment, mixed_precision=fastest(make_model()))


def search_mask(experiment, model, task, folder, strategy=None):
    """Finds the mask of an experiment; `folder` keeps the rounds of methods that train."""
    # A run has replaced auto before it gets here. A search alone needs a precision for `imp` only: scripts/find_mask.py
    # refuses auto there; the doctor, whose rounds are not resumed, takes float32.
    if experiment.mixed_precision == AUTO:
        experiment = dataclasses.replace(experiment, mixed_precision="none")
    if experiment.mask_file:
        log.info("Taking the mask in %s.", experiment.mask)
    else:
        log.info("Finding a mask: %s, sparsity %g.", experiment.mask, experiment.sparsity)
    return find_mask(
        model,
        experiment.mask,
        sparsity=experiment.sparsity,
        task=task,
        prunable=experiment.prunable,
        exclude=excluded(experiment),
        strict=experiment.strict,
        folder=folder,
        # Whole networks: what weight decay does to weights on no path counts in the next ranking.
        training={**_settings(experiment, strategy if experiment.strategy == "mirrored" else None), "compact": False},
    )


def check_mask(experiment, task):
    """Raises ValueError if a mask file does not fit the model, or if the method or settings to find a mask do not."""
    with kept_random_state():
        model = build_model(experiment.model, task.data)
    if experiment.mask_file:
        read_mask_file(experiment.mask, model).check(model)
    elif experiment.mask != "none":
        restricted = {"prunable": experiment.prunable, "exclude": excluded(experiment)}
        begin(model, experiment.mask, sparsity=experiment.sparsity, task=task, **restricted)


def load_mask(experiment, model, task, folder, strategy=None):
    """The mask of an experiment: from the run folder if it is there, else found and written there; None for a dense run.

    If the mask has start weights (rewound ones), `model` gets them. With several workers the chief
    finds the mask, and the others wait here until it has.
    """
    if experiment.mask != "none" and not folder.mask.is_file() and is_chief(strategy):
        mask = search_mask(experiment, model, task, folder.search, strategy)
        _diagnose(model, mask, folder)
        mask.save(folder.mask)
    meet(strategy)
    if experiment.mask == "none":
        return None
    mask = Mask.load(folder.mask)
    mask.check(model)
    if mask.weights is not None:
        mask.rewind(model)
    return mask


def _diagnose(model, mask, folder):
    """Logs what the mask leaves of the network, and writes it to the run folder."""
    found = diagnose(model, mask)
    found.save_json(folder.diagnosis)
    found.plot(folder.picture)
    log.info("%s.", found)
    if found.disconnected:
        log.warning("No path of live weights leads from the inputs to the outputs: the network cannot learn.")


def _settings(experiment, strategy):
    """How to train, as the experiment says."""
    return {
        "strategy": strategy,
        "sync_batch_norm": experiment.sync_batch_norm,
        "live_gradients": experiment.live_gradients,
        "compact": experiment.compact,
        "dtype": policy(experiment.mixed_precision),
        "jit_compile": experiment.jit_compile,
        "steps_per_execution": experiment.steps_per_execution,
    }


def trained_model(experiment, task, folder, strategy=None):
    """The plain model of an experiment, trained, and its mask. What the run folder does not have yet is found and
    trained first, which may take hours."""
    model = build_model(experiment.model, task.data)
    mask = load_mask(experiment, model, task, folder, strategy)
    if folder.model.is_file():
        load_kept(folder.model, model, mask)
    else:
        train(model, task, mask, experiment.recipe, folder=folder.path, **_settings(experiment, strategy))
    return model, mask
