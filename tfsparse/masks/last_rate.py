"""The last learning rate of a task, at which fine-tuning goes on."""

import dataclasses

import tf_keras as keras

_LEAST = 1e-3  # of the first rate: the step protocols end at 1e-2


def at_last_rate(task):
    """The task with its last learning rate throughout."""

    def optimizer(_):
        made = task.make_optimizer()
        config = made.get_config()
        if isinstance(config["learning_rate"], dict):
            config["learning_rate"] = _rates(config, task)[1]
        return type(made).from_config(config)

    return dataclasses.replace(task, optimizer=optimizer)


def check_last_rate(task):
    """Raises ValueError if the last learning rate is next to nothing: at it no weight would move."""
    config = task.make_optimizer().get_config()
    if not isinstance(config["learning_rate"], dict):
        return
    first, last = _rates(config, task)
    if last < _LEAST * first:
        raise ValueError(
            f"Fine-tuning goes on at the last learning rate, which is {last:.2g} here, after {first:.2g} at the start: it "
            "would change nothing. Give a schedule that does not fall to 0, such as schedule='step', or another retrain."
        )


def _rates(config, task):
    """The first and the last rate of an optimizer's configuration with a schedule in it."""
    schedule = keras.optimizers.schedules.deserialize(config["learning_rate"])
    return float(schedule(0)), float(schedule(task.steps - 1))
