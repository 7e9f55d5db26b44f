"""How a training is run, as opposed to what is trained."""

import dataclasses
import pathlib

import tensorflow as tf

from tfsparse.files import check_named
from tfsparse.registry import lookup
from tfsparse.training.precision import POLICIES


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a training is run, as opposed to what is trained. Apart from rounding, nothing here changes the result, with three
    exceptions: BatchNorm on several devices (`sync_batch_norm`); batches, also a short last one, that several devices do not
    share evenly, since the means of all shares weigh the same; and float16, which leaves out steps that overflow.

    Args:
        folder: run folder for checkpoints, history and TensorBoard files; None writes nothing.
        strategy: a `tf.distribute` strategy; None: one device.
        sync_batch_norm: whether BatchNorm normalises by the whole batch of all devices, as one device would; else each
            device by its share, and the result depends on their number.
        live_gradients: whether devices exchange the gradients of live weights only.
        compact: whether to train on without the channels that the mask has killed, once no ghost lives.
        dtype: Keras dtype policy of the training copy, such as `"mixed_bfloat16"`; None: as they are.
        jit_compile: whether XLA compiles the training step.
        steps_per_execution: batches that one call of the compiled step goes through.
        verbose: as in Keras' `fit`; `"auto"`: a bar on a terminal, else one line per epoch.

    Raises:
        ValueError: an unknown policy, a `strategy` of another kind, or a `folder` that TensorFlow would take for a pattern.
    """

    folder: pathlib.Path | None = None
    strategy: tf.distribute.Strategy | None = None
    sync_batch_norm: bool = False
    live_gradients: bool = False
    compact: bool = False
    dtype: str | None = None
    jit_compile: bool = False
    steps_per_execution: int = 1
    verbose: str | int = "auto"

    @classmethod
    def of(cls, given):
        """`Settings` from a dict.

        Raises:
            TypeError: a name that no setting has.
        """
        for name in given:
            try:
                lookup(cls.__dataclass_fields__, name, "setting of training")
            except ValueError as error:
                raise TypeError(
                    f"{error} What else Keras' fit takes (class_weight, sample_weight) is for a `fit` of your own on a "
                    "prepared model: docs/your_own.md."
                ) from None
        return cls(**given)

    def __post_init__(self):
        if self.folder is not None:
            check_named(self.folder, "The folder")
        if self.dtype is not None:
            name = getattr(self.dtype, "name", self.dtype)
            lookup(dict.fromkeys(["float32", *filter(None, POLICIES.values())]), name, "dtype policy")
            object.__setattr__(self, "dtype", name)  # also of a Policy: it is compared with names
        if not isinstance(self.strategy, tf.distribute.Strategy | None):
            raise ValueError(
                "strategy must be a tf.distribute.Strategy, such as tf.distribute.MirroredStrategy(), received "
                f"{self.strategy!r}."
            )
