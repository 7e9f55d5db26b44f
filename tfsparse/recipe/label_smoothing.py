"""Label smoothing, in the paper's convention or Keras'."""

import tensorflow as tf
import tf_keras as keras

from tfsparse.recipe.ingredient import Ingredient
from tfsparse.values import one_of, real


class LabelSmoothing(Ingredient):
    """Trains towards `1 - amount` on the label instead of 1.

    `convention="paper"`: the other C - 1 classes share `amount` (ToST's code). `convention="keras"`: all C classes
    share it, the labelled one too; equal to Keras' `label_smoothing=amount`. The paper's with `a` is Keras' with
    `a * C / (C - 1)`. The least loss that can be reached is the entropy of the target: 0.5448 nats for 10 classes.

    Args:
        amount: in [0, 1).
        convention: `"paper"` or `"keras"`.

    >>> loss = LabelSmoothing().loss(keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    >>> round(float(loss(tf.constant([1]), tf.constant([[0.0, 9.0]]))), 4)
    0.9001
    """

    def __init__(self, *, amount=0.1, convention="paper"):
        self.amount = real(amount, "amount", "[0, 1)")
        self.convention = one_of(convention, "convention", ("paper", "keras"))

    def loss(self, loss):
        return SmoothedCrossentropy(loss, self.amount, self.convention)


@keras.utils.register_keras_serializable(package="tfsparse")
class SmoothedCrossentropy(keras.losses.Loss):
    """Cross-entropy against smoothed labels; class numbers and vectors over the classes both serve as labels.

    Args:
        loss: a Keras `SparseCategoricalCrossentropy` or `CategoricalCrossentropy`, whose `from_logits` is kept.
        amount, convention: see `LabelSmoothing`.

    The loss of a class number that the outputs do not have is NaN, as Keras' own is on GPUs and under XLA.

    Raises:
        ValueError: `loss` is of another kind, with no label to smooth, or has options that would be lost.
    """

    def __init__(self, loss, amount, convention, name="smoothed_crossentropy"):
        known = (keras.losses.SparseCategoricalCrossentropy, keras.losses.CategoricalCrossentropy)
        if type(loss) not in known:  # a derived class may do more with the labels
            raise ValueError(
                "Label smoothing needs SparseCategoricalCrossentropy or CategoricalCrossentropy, "
                f"received {loss!r}. Leave label_smoothing out of the recipe for other losses."
            )
        super().__init__(reduction=loss.reduction, name=name)
        self.inner, self.amount, self.convention = loss, amount, convention
        options = loss.get_config()
        self.from_logits = options.get("from_logits", False)
        for option, plain in {"label_smoothing": 0, "ignore_class": None, "axis": -1}.items():
            if options.get(option, plain) != plain:
                raise ValueError(
                    f"Label smoothing would lose the option {option}={options[option]!r} of {loss.name}. Leave the option, "
                    "or label_smoothing, out."
                )

    def call(self, y_true, y_pred):
        y_pred = tf.convert_to_tensor(y_pred)
        if y_pred.shape[-1] == 1:
            raise ValueError(
                "label_smoothing spreads over the other classes, and there is one class only: leave it out."
            )
        labels = tf.convert_to_tensor(y_true)
        if labels.shape.rank == y_pred.shape.rank and labels.shape[-1] == 1:
            labels = tf.squeeze(labels, -1)
        if labels.shape.rank < y_pred.shape.rank:
            labels = _one_hot(tf.cast(labels, tf.int32), tf.shape(y_pred)[-1], y_pred.dtype)
        target = smooth(tf.cast(labels, y_pred.dtype), self.amount, self.convention)
        return keras.losses.categorical_crossentropy(target, y_pred, from_logits=self.from_logits)

    def get_config(self):
        inner = keras.losses.serialize(self.inner)
        return {"name": self.name, "loss": inner, "amount": self.amount, "convention": self.convention}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "loss": keras.losses.deserialize(config["loss"])})


def _one_hot(numbers, classes, dtype):
    """As `tf.one_hot`, but NaN for what is no class: its zeros would train towards every class alike."""
    known = (numbers >= 0) & (numbers < classes)
    return tf.where(known[..., None], tf.one_hot(numbers, classes, dtype=dtype), tf.constant(float("nan"), dtype))


def smooth(labels, amount, convention):
    """Smoothed targets of vectors over the classes, (..., classes)."""
    count = tf.cast(tf.shape(labels)[-1], labels.dtype)
    if convention == "keras":
        return labels * (1 - amount) + amount / count
    return labels * (1 - amount) + (1 - labels) * amount / (count - 1)
