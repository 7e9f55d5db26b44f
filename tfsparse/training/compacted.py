"""The rest of a training on a smaller network, and how what it learns gets back into the large one."""

import logging
import pathlib

import numpy as np
import tensorflow as tf
import tf_keras as keras
from safetensors import SafetensorError
from safetensors.numpy import load, save

from tfsparse import paths
from tfsparse.files import written_aside

log = logging.getLogger(__name__)

FILE = "compaction.safetensors"


class Compacted(keras.callbacks.Callback):
    """A small model trained in place of a large one: at the end of every epoch the large one and its optimizer get what it has
    learned, so that checkpoints are those of the large one.

    Args:
        large: prepared model; no ghost lives in it any more.
        compaction: `Compaction` of the plain model that `large` stands for.
        small: the compaction's model, prepared.
        logs: dict of further entries for the logs of every epoch.
    """

    def __init__(self, large, compaction, small, logs):
        super().__init__()
        self.large, self.compaction, self.small, self.logs = large, compaction, small, logs

    def start(self, large, small):
        """Copies the optimizer `large` to `small`, built for the small model; the two stay in step from now on."""
        names = {variable.name: path for path, variable in paths.weights(self.large).items()}
        theirs, ours = _by_name(large), _by_name(small)
        # A slot is named after its weight: "v/conv1/kernel:0".
        self._slots = [(names.get(name.partition("/")[2]), theirs[name], ours[name]) for name in ours]
        known = _numbers(large)
        self._slots += [(None, known[name], variable) for name, variable in _numbers(small).items()]
        for path, whole, part in self._slots:
            part.assign(_value(whole)[self.compaction.places.get(path, ...)])

    def on_epoch_end(self, epoch, logs=None):
        self.hand_back()
        logs.update(self.logs)

    def hand_back(self):
        """Gives the large model, and its optimizer, what the small ones have learned."""
        whole = paths.weights(self.large)
        rows = [(path, whole[path], variable) for path, variable in paths.weights(self.small).items()]
        for path, variable, part in [*rows, *self._slots]:
            variable.assign(self.compaction.expand(path, _value(part), _value(variable)))


def _by_name(optimizer):
    """Variables of an optimizer by their names."""
    found = {variable.name: variable for variable in optimizer.variables}
    if len(found) < len(optimizer.variables):
        raise ValueError("Two variables of the optimizer have one name: it cannot go on with a compacted model.")
    return found


def _numbers(optimizer):
    """Single numbers that an optimizer keeps, by attribute. Its `variables` lack some: the learning rate, if callbacks may
    set it, and Nadam's running product."""
    return {name: value for name, value in vars(optimizer).items() if isinstance(value, tf.Variable)}


def _value(variable):
    return tf.convert_to_tensor(variable).numpy()


def read_stays(folder):
    """What `write_stays` wrote there; None if it did not.

    Raises:
        ValueError: the file is damaged.
    """
    path = pathlib.Path(folder or "") / FILE
    if folder is None or not path.is_file():
        return None
    try:
        return load(path.read_bytes())["stays"].astype(bool)
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"{path} is damaged ({error}). --overwrite begins the run anew.") from error


def forget_stays(folder):
    """Removes what an earlier training, not resumed, has left: it may have had another mask."""
    (pathlib.Path(folder) / FILE).unlink(missing_ok=True)


def write_stays(folder, stays):
    """Records what a compaction has kept, so that a resumed training goes on with the same network."""
    if folder is not None:
        with written_aside(pathlib.Path(folder) / FILE) as scratch:
            scratch.write_bytes(save({"stays": stays.astype(np.uint8)}))
