"""The epochs of Gem-Miner's search, and its end: how the network does before any weight is trained."""

import logging
import math

import numpy as np

from tfsparse.frozen import frozen
from tfsparse.mask.mask import Mask
from tfsparse.masks.gem_miner_start import measured
from tfsparse.masks.state import State

log = logging.getLogger(__name__)


class Mining:
    """One search. Its state is saved in the search's folder after every epoch, and it resumes from there.

    Args:
        search: `Search`.
        network: `ScoredNetwork`.
        epochs: over which the learning rate falls.
        period: epochs between prunings.
        rate: learning rate at the start.
    """

    def __init__(self, search, network, epochs, period, rate):
        self.search, self.network, self.epochs, self.period, self.rate = search, network, epochs, period, rate
        self.completed, self.stopped = 0, False
        self.state = None

    def score(self, live, number):
        """The scores for pruning `number`, path -> array; `live` is what the prunings before it have left."""
        if self.state is None:
            self._resume(number)
        end = number * self.period + 1
        if not self.stopped and self.completed < end:
            with frozen(self.search.model, "batch") as forward:
                self.network.load(forward, live)
                self._train(end)
        return self.network.values()

    def finish(self, rounds, mask):
        """The weights that training starts from, path -> array; notes the accuracy that they have under `mask`."""
        if self.state is None:
            self._resume(rounds)
        if self.stopped:
            self.search.notes["stopped_at_epoch"] = self.completed
        mask = Mask(mask)
        values, accuracy = measured(self.search, self.network.start, mask)
        if accuracy is not None:
            self.search.notes["accuracy_before_training"] = accuracy
            log.info("Density %.4f: accuracy %.4f before any weight is trained.", 1 - mask.sparsity, accuracy)
        return values

    def _resume(self, number):
        self.state = State(self.search.folder / "scores.safetensors", self.network.variables())
        facts = self.state.load()
        self.completed, self.stopped = int(facts.get("epochs", 0)), facts.get("stopped") == "True"
        first = (number - 1) * self.period + 1 if number > 1 else 0
        if not self.stopped and not first <= self.completed <= number * self.period + 1:
            raise ValueError(
                f"{self.state.file} is of epoch {self.completed}, the pruned masks beside it of epoch {first}: these are "
                "files of two searches, or a file is missing. Delete the folder to search anew."
            )

    def _train(self, end):
        data = self.search.task.data
        steps, total = data.steps_per_epoch, data.steps_per_epoch * (end - self.completed)
        batches = iter(self.search.shown(data.epochs(self.completed, end), "Training scores", total))
        while self.completed < end and not self.stopped:
            self.network.set_rate(self.rate * (1 + math.cos(math.pi * self.completed / self.epochs)) / 2)
            loss = float(np.mean([self.network.step(*next(batches)) for _ in range(steps)]))
            count = self.network.count()
            self.completed, self.stopped = self.completed + 1, count == 0
            self.state.save(epochs=self.completed, stopped=self.stopped)
            log.info("Epoch %d: loss %.4f, %d of %d weights take part.", self.completed, loss, count, self.search.total)
        if self.stopped:
            log.warning(
                "No weight takes part after epoch %d: the search ends early. Lower the penalty.", self.completed
            )
