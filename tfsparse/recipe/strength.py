"""How strong a ghost is at a step: 1 at the start, 0 when it has left."""

import tensorflow as tf
import tf_keras as keras

from tfsparse.registry import lookup
from tfsparse.values import real

HAND_OVERS = ("gradual", "step", "constant")


@keras.utils.register_keras_serializable(package="tfsparse")
class Strength(keras.layers.Layer):
    """Counts training batches and gives the strength of the ghosts it feeds, a float32 scalar in [0, 1].

    It is part of the graph, so that the schedule follows every batch: under `steps_per_execution`, in a custom loop,
    on several devices, and across a checkpoint, with no callback.

    Args:
        steps: training batches until the strength is 0.
        hand_over: `"gradual"` (1 - step / steps), `"step"` (1, then 0 at once) or `"constant"` (1 for ever).

    >>> strength = Strength(4)
    >>> [float(strength(tf.zeros((1, 1)), training=True)) for _ in range(6)]
    [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """

    def __init__(self, steps, hand_over="gradual", *, name=None):
        super().__init__(dtype="float32", autocast=False, trainable=False, name=name)
        self.steps = steps
        lookup(dict.fromkeys(HAND_OVERS), hand_over, "hand_over")
        self.hand_over = hand_over
        self.step = self.add_weight(
            "step",
            shape=(),
            dtype=tf.int64,
            initializer="zeros",
            trainable=False,
            # Every replica counts for itself: no communication, and all count the same.
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    @property
    def count(self):
        """Batches so far, an int. Reading it waits for the device."""
        return int(tf.convert_to_tensor(self.step))  # `int(self.step)` fails for a variable with a copy per replica

    @property
    def now(self):
        """The strength at the next batch, a float. Reading it waits for the device."""
        return float(self.at(self.count))

    def at(self, step):
        """The strength at `step` (a number or tensor), float32."""
        share = tf.cast(step, tf.float32) / float(self.steps)
        if self.hand_over == "constant":
            return tf.ones_like(share)
        return tf.maximum(0.0, 1.0 - share) if self.hand_over == "gradual" else tf.cast(share < 1.0, tf.float32)

    def call(self, inputs, training=None):
        strength = self.at(self.step)
        if training is None or isinstance(training, bool | int):
            if training:
                self.step.assign_add(1)
        else:
            self.step.assign_add(tf.cast(training, tf.int64))
        return strength

    def fed(self, tensor):
        """The strength as a tensor of the graph that `tensor` belongs to; the layer is called once for all ghosts."""
        if not self.inbound_nodes:
            self(tensor)
        return self.output

    def compute_output_shape(self, input_shape):
        return tf.TensorShape([])

    def get_config(self):
        return {"name": self.name, "steps": self.steps, "hand_over": self.hand_over}


def clock_for(ingredient, task, name):
    """The `Strength` of an ingredient with a `share` and a `hand_over`, in batches of the task."""
    return Strength(max(1, round(ingredient.share * task.steps)), ingredient.hand_over, name=name)


def checked(share, hand_over):
    """The options that ghosts have in common; ValueError where one is out of range."""
    lookup(dict.fromkeys(HAND_OVERS), hand_over, "hand_over")
    return real(share, "share", "(0, 1]", "the part of the training that ghosts live"), hand_over


class Ghost(keras.layers.Layer):
    """What all ghost layers have in common: they can leave.

    Args:
        clock: name of the `Strength` layer that feeds it.
    """

    def __init__(self, clock, **kwargs):
        self.gone = False
        super().__init__(**kwargs)
        self.clock = clock

    def leave(self):
        """From the next tracing on the layer is not executed, and its weights are not trained."""
        self.gone = True

    @property
    def trainable(self):
        return self._trainable and not self.gone  # Keras' `fit` sets it back to what it was when the model was compiled

    @trainable.setter
    def trainable(self, value):
        keras.layers.Layer.trainable.fset(self, value)

    def get_config(self):
        return {**super().get_config(), "clock": self.clock}
