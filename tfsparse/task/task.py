"""`Task`: what a model is trained for."""

import dataclasses
from collections.abc import Callable

import tf_keras as keras

from tfsparse.task import fits, schedules
from tfsparse.task.data import Data
from tfsparse.task.endings import ends_in
from tfsparse.task.sgd import SGD
from tfsparse.values import real, whole


@dataclasses.dataclass(frozen=True)
class Task:
    """What a model is trained for: data, loss, optimizer, schedule, length and seed.

    The defaults are the default protocol of the sparse-training literature (ToST, ICML 2022): SGD with learning rate
    0.1, momentum 0.9 and L2 weight decay 2e-4, the rate falling by 10 after half and three quarters of the epochs.

    Args:
        data: `Data`.
        epochs: how often the training data are gone through.
        learning_rate: at the start.
        momentum: of SGD.
        weight_decay: L2 decay in the gradient, on every weight (norms and biases too), as PyTorch's SGD has it.
        schedule: `"step"`, `"step(drops=(0.5, 0.75), factor=0.1)"`, `"cosine"` or `"constant"`.
        loss: a Keras loss, or a function `(labels, outputs) -> loss`; None: the cross-entropy that fits
            the form of the labels and of the model's outputs.
        optimizer: a function `(task) -> Keras optimizer`, which may read `learning_rate` and the like from the task: nothing
            else applies them then. None: the SGD above.
        seed: of the mask search: ties, random scores, the other initial weights of a sanity check. The order of the
            images is decided by the data's own seed, initial weights by whoever builds the model.

    >>> import numpy as np
    >>> data = Data.from_arrays(train=(np.zeros((8, 4, 4, 1)), np.arange(8) % 2), batch_size=2)
    >>> Task(data, epochs=3).steps
    12

    Raises:
        ValueError: a value out of its range, or an unknown schedule. TypeError: `data` is no `Data`.
    """

    data: Data
    epochs: int = 160
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 2e-4
    schedule: str = "step"
    loss: keras.losses.Loss | None = None
    optimizer: Callable | None = None
    seed: int = 0

    def __post_init__(self):
        if not isinstance(self.data, Data):
            raise TypeError(
                f"Task needs Data (ts.load_data, ts.Data.from_arrays), received {type(self.data).__name__}."
            )
        object.__setattr__(self, "epochs", whole(self.epochs, "epochs"))
        object.__setattr__(self, "seed", whole(self.seed, "seed", least=0))
        for name in ("learning_rate", "momentum", "weight_decay"):
            number = real(getattr(self, name), name, "[0, 1)" if name == "momentum" else "[0, inf)")
            object.__setattr__(self, name, number)
        fits.loss_and_optimizer(self.loss, self.optimizer)
        schedules.make_schedule(self.schedule, self.learning_rate, self.steps)  # a wrong option is refused here

    @property
    def steps(self):
        """Training batches in the whole run."""
        return self.epochs * self.data.steps_per_epoch

    def make_optimizer(self):
        """A new Keras optimizer for one training.

        Raises:
            ValueError: the task's own function gives none, one of Keras' `legacy` kind, or the same one again.
        """
        if self.optimizer is not None:
            made = _checked(self.optimizer(self))
            if made is self.optimizer(self):
                raise ValueError(
                    "The task's optimizer must be a new one at every call, since each training needs its own; received the "
                    "same twice. Make it in the function: optimizer=lambda task: keras.optimizers.Adam(1e-3)."
                )
            return made
        rate = schedules.make_schedule(self.schedule, self.learning_rate, self.steps)
        return SGD(rate, momentum=self.momentum, weight_decay=self.weight_decay)

    def loss_for(self, model):
        """The loss for `model`: the task's own, or cross-entropy for the form that labels and outputs have.

        Raises:
            ValueError: the model's inputs or outputs do not fit the data; or no loss is given, and the labels are not classes,
                or there are more classes than `model` has outputs.
        """
        fits.model_and_data(model, self.data)
        if self.loss is not None:
            return self.loss
        if self.data.num_classes == 1:
            raise ValueError(
                f"The data {self.data.name!r} has num_classes=1, and a cross-entropy over one class is always 0. Give the task "
                "a loss: Task(data, loss=keras.losses.BinaryCrossentropy(from_logits=True)), or MeanSquaredError()."
            )
        if self.data.labels_apart:
            raise ValueError(
                f"The labels of {self.data.name!r} are vectors that do not add up to 1: no classes of which one is right. Give "
                "the task a loss: for labels each on their own Task(data, loss=keras.losses.BinaryCrossentropy("
                "from_logits=True)), for numbers MeanSquaredError()."
            )
        outputs = model.outputs[0].shape[-1] if model.outputs and len(model.outputs) == 1 else None  # None: subclassed
        if outputs is not None and outputs < self.data.num_classes:
            raise ValueError(
                f"The model {model.name!r} has {outputs} outputs, the data {self.data.name!r} has "
                f"{self.data.num_classes} classes: cross-entropy needs one output a class. Give the last layer "
                f"{self.data.num_classes} units, or the task a loss of your own: Task(data, loss=...)."
            )
        if outputs is not None and outputs > 1 and ends_in(model, "sigmoid"):
            raise ValueError(
                f"The model {model.name!r} ends in a sigmoid, a probability for each label on its own, and the data "
                f"{self.data.name!r} have one class an image. End it in a softmax, or in logits, or give the task a loss of "
                "your own: Task(data, loss=...)."
            )
        kind = "CategoricalCrossentropy" if self.soft_labels else "SparseCategoricalCrossentropy"
        return getattr(keras.losses, kind)(from_logits=not ends_in(model, "softmax"))

    @property
    def soft_labels(self):
        """Whether training labels are vectors over the classes (one-hot, MixUp, CutMix) instead of class numbers."""
        return len(self.data.train.element_spec[1].shape) == 2


def _checked(optimizer):
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise ValueError(
            f"The task's optimizer must be one of tf_keras.optimizers, received {type(optimizer).__module__}."
            f"{type(optimizer).__name__}. Those in `legacy` have no place for masked gradients."
        )
    return optimizer
