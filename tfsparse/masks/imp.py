"""Iterative magnitude pruning: train, prune the smallest weights, rewind, repeat."""

import dataclasses
import json
import logging
import shutil

import numpy as np

from tfsparse import paths
from tfsparse.files import write_json
from tfsparse.frozen import frozen
from tfsparse.mask.mask import Mask
from tfsparse.masks.last_rate import at_last_rate, check_last_rate
from tfsparse.masks.search import Ranking
from tfsparse.values import one_of, whole

log = logging.getLogger(__name__)

RETRAIN = ("weight_rewinding", "learning_rate_rewinding", "fine_tuning")


def imp(search, *, rounds=5, rewind_steps=0, retrain="weight_rewinding", epochs=None):
    """Finds lottery tickets: trains, keeps the largest trained weights |w|, goes back to early weights, and repeats
    (Frankle & Carbin, "The Lottery Ticket Hypothesis", 2019; Frankle et al., "Linear Mode Connectivity and the Lottery
    Ticket Hypothesis", 2020; Renda et al., "Comparing Rewinding and Fine-tuning in Neural Network Pruning", 2020).

    The density falls geometrically to the one asked for, d: each round prunes the share 1 - d**(1 / rounds) of what is left
    (20 % a round: 10 rounds to 0.107). Training follows the task and the default protocol, without a recipe. Data and
    learning rate at step k are those of an uninterrupted training; the momentum is 0 after rewinding, as in the authors'
    code. BatchNorm's statistics are rewound too. The cost is `rounds` trainings, and one more for the ticket itself.

    Args:
        search: `Search`; needs a task. Each round's accuracy is in its notes, the mask's metadata and `rounds.json`.
        rounds: number of rounds of training and pruning.
        rewind_steps: the step k that rounds after the first begin at; 0 is the original lottery ticket, some hundred to
            two thousand steps are late rewinding.
        retrain: what rounds after the first begin with: `"weight_rewinding"`, the weights and the learning rate of step k;
            `"learning_rate_rewinding"`, the trained weights and the learning rate of step k; `"fine_tuning"`, the trained
            weights and the last learning rate, for as many steps; that rate must be at least a thousandth of the largest.
        epochs: of each training; None: the task's.

    Returns:
        `Ranking`, whose weights are those of step k, or the last trained ones; the model's own for `rewind_steps=0`.

    Raises:
        ValueError: no task, an option out of range, `rewind_steps` with an optimizer that averages weights (`use_ema`),
            fine-tuning with a schedule that ends near 0 (`cosine`).
    """
    task, _ = search.require_task("imp"), search.require_training("imp")
    if epochs is not None:
        task = dataclasses.replace(task, epochs=whole(epochs, "epochs"))
    rounds, rewind_steps = whole(rounds, "rounds"), whole(rewind_steps, "rewind_steps", least=0)
    if rewind_steps >= task.steps:
        raise ValueError(f"rewind_steps={rewind_steps} must come before the end of training, at {task.steps} steps.")
    if rewind_steps and getattr(task.make_optimizer(), "use_ema", False):
        raise ValueError(
            f"rewind_steps={rewind_steps} and the optimizer's use_ema=True do not go together: a round that begins there is a "
            "part of a training, which can be several calls of fit, and Keras puts the averages in the weights' place at the "
            "end of each. Take rewind_steps=0, or an optimizer without it."
        )
    if one_of(retrain, "retrain", RETRAIN) == "fine_tuning" and rounds != 1:
        check_last_rate(task)
    tickets = _Tickets(search, task, rewind_steps, retrain)

    def score(live, number):
        trained = tickets.trained(live, number)
        return {path: np.abs(trained[path]) for path in search.weights}

    trained = retrain != "weight_rewinding"
    return Ranking(score, rounds=rounds, trains=True, weights=lambda mask: tickets.end(rounds), trained=trained)


class _Tickets:
    """The trainings of one search; the last one's result is in the search's folder, as a mask file with weights."""

    def __init__(self, search, task, step, retrain):
        self.search, self.task, self.step, self.retrain = search, task, step, retrain

    def trained(self, live, number):
        """The weights after the training of round `number`: path -> array."""
        file = self._file(number)
        if not file.is_file():
            rewound = number > 1 or self.retrain == "weight_rewinding"
            fine = number > 1 and self.retrain == "fine_tuning"
            task = at_last_rate(self.task) if fine else self.task
            first = self.step if rewound else 0
            self._train(file, live, self.start(number), task, (first, self.task.steps))
            self._file(number - 1).unlink(missing_ok=True)
        ticket = Mask.load(file)
        self._note(number, ticket)
        return ticket.weights

    def start(self, number):
        """What round `number` begins with: path -> array; None: the model's own weights."""
        if self.retrain == "weight_rewinding":
            return self._early() if self.step else None
        return Mask.load(self._file(number - 1)).weights if number > 1 else None

    def end(self, rounds):
        """What training is to begin with after the last round; notes how all rounds did."""
        self.search.notes["rounds"] = self._rows(rounds)
        return self.start(rounds + 1)

    def _early(self):
        """The weights after `step` steps of dense training."""
        file = self.search.folder / "rewind.safetensors"
        if not file.is_file():
            self._train(file, self.search.everything, None, self.task, (0, self.step))
        return Mask.load(file).weights

    def _train(self, file, live, start, task, steps):
        """Trains the masked model over a span of steps and writes `file`; keeps its working files in a folder beside it."""
        model, place = self.search.model, file.with_suffix("")
        log.info("%s: steps %d to %d, density %.4f.", file.stem, *steps, _density(live))
        with frozen(model):
            mask = Mask(live, weights=start)
            if start is not None:
                mask.rewind(model)
            accuracies = self.search.train(model, task, mask, place, steps)
            values = {path: variable.numpy() for path, variable in paths.weights(model).items()}
            Mask(live, {"accuracies": json.dumps(accuracies)}, values).save(file)
        for left in [path for path in place.iterdir() if path.name != "history.csv"]:
            shutil.rmtree(left) if left.is_dir() else left.unlink()

    def _note(self, number, ticket):
        """Records how a round did; the accuracy is that under the mask it trained with, before it pruned."""
        rows = self._rows(number - 1)
        rows.append({"round": number, "sparsity": ticket.sparsity, **json.loads(ticket.metadata["accuracies"])})
        write_json(self._table, rows)
        log.info("Round %d: %s", number, ", ".join(f"{name} {value:.4f}" for name, value in list(rows[-1].items())[1:]))

    def _rows(self, count):
        """The records of the first `count` rounds, whether made now or by earlier calls of the same search."""
        return json.loads(self._table.read_text(encoding="utf-8"))[:count] if self._table.is_file() else []

    @property
    def _table(self):
        return self.search.folder / "rounds.json"

    def _file(self, number):
        return self.search.folder / f"trained{number}.safetensors"


def _density(live):
    return sum(np.count_nonzero(array) for array in live.values()) / sum(array.size for array in live.values())
