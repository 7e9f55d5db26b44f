"""An optimizer that begins in the middle of a training."""

import tf_keras as keras

from tfsparse.task.schedules import schedule_of


def from_step(optimizer, first):
    """`optimizer`, which is new, with the learning rates that a training has from its step `first` on.

    Its own step count begins at 0: Adam and its like use it to correct their averages, which begin at 0 too. (Set to
    `first`, it would say that these are no longer too small, and the first steps would be several times too large.)
    """
    inner, schedule = schedule_of(optimizer)
    if first and schedule is not None:
        inner.learning_rate = Later(schedule, first)
    return optimizer


@keras.utils.register_keras_serializable(package="tfsparse")
class Later(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule from one of its steps on.

    Args:
        schedule: Keras schedule of a whole training.
        first: the step of that schedule which is step 0 of this one.

    >>> halves = keras.optimizers.schedules.ExponentialDecay(1.0, decay_steps=1, decay_rate=0.5)
    >>> float(Later(halves, 2)(1))
    0.125
    """

    def __init__(self, schedule, first):
        self.schedule, self.first = schedule, first

    def __call__(self, step):
        return self.schedule(step + self.first)

    def get_config(self):
        return {"schedule": keras.optimizers.schedules.serialize(self.schedule), "first": self.first}

    @classmethod
    def from_config(cls, config):
        return cls(keras.optimizers.schedules.deserialize(config["schedule"]), config["first"])
