"""The last learning rate of a task, at which fine-tuning goes on."""

import dataclasses

import numpy as np

from tfsparse.task.schedules import constant, schedule_of

_LEAST = 1e-3  # of the largest rate: the step protocols end at 1e-2
_LOOKS = 100  # at a schedule, for its largest rate


def at_last_rate(task):
    """The task with its last learning rate throughout."""

    def optimizer(_):
        made = task.make_optimizer()
        inner, schedule = schedule_of(made)
        if schedule is not None:
            inner.learning_rate = constant(float(schedule(task.steps - 1)), task.steps)
        return made

    return dataclasses.replace(task, optimizer=optimizer)


def check_last_rate(task):
    """Raises ValueError if the last learning rate is next to nothing: no weight would move."""
    _, schedule = schedule_of(task.make_optimizer())
    if schedule is None:
        return
    rates = [float(schedule(int(step))) for step in np.linspace(0, task.steps - 1, _LOOKS)]
    if rates[-1] < _LEAST * max(rates):
        raise ValueError(
            f"Fine-tuning goes on at the last learning rate, which is {rates[-1]:.2g} here, after {max(rates):.2g} at most: it "
            "would change nothing. Give a schedule that does not fall to 0, such as schedule='step', or another retrain."
        )
