"""What is reported alongside the loss."""

import functools

import tensorflow as tf
import tf_keras as keras

_M = keras.metrics
_METRICS = {  # per loss: accuracy, cross-entropy, and what they take from it besides `from_logits`
    keras.losses.SparseCategoricalCrossentropy: (
        _M.SparseCategoricalAccuracy,
        _M.SparseCategoricalCrossentropy,
        ("ignore_class",),
    ),
    keras.losses.CategoricalCrossentropy: (_M.CategoricalAccuracy, _M.CategoricalCrossentropy, ("axis",)),
    keras.losses.BinaryCrossentropy: (_M.BinaryAccuracy, _M.BinaryCrossentropy, ()),
}


@keras.utils.register_keras_serializable(package="tfsparse")
class AccuracyOfTheRest(_M.SparseCategoricalAccuracy):
    """Accuracy outside the class that the loss ignores: Keras' cross-entropy has an option for it, its accuracy has not."""

    def __init__(self, ignored=None, **options):
        super().__init__(**options)
        self.ignored = ignored

    def update_state(self, y_true, y_pred, sample_weight=None):
        weight = tf.cast(tf.not_equal(y_true, self.ignored), self.dtype)
        if sample_weight is not None:
            weight *= tf.cast(sample_weight, self.dtype)
        return super().update_state(y_true, y_pred, weight)

    def get_config(self):
        return {**super().get_config(), "ignored": self.ignored}


def ignored(loss):
    """The class that a loss ignores, or None."""
    return loss.get_config().get("ignore_class") if isinstance(loss, keras.losses.Loss) else None


def metrics(loss):
    """What is reported alongside the loss: for classifiers, accuracy and the cross-entropy without label smoothing.

    >>> [metric.name for metric in metrics(keras.losses.BinaryCrossentropy())], metrics(keras.losses.MeanSquaredError())
    (['accuracy', 'cross_entropy'], [])
    """
    if type(loss) not in _METRICS:
        return []
    (accuracy, cross_entropy, names), config = _METRICS[type(loss)], loss.get_config()
    from_logits = config.get("from_logits", False)
    # Keras' "accuracy" takes logits of one label for probabilities, and is made in the first trace, which forces a second.
    threshold = {"threshold": 0.0 if from_logits else 0.5} if accuracy is _M.BinaryAccuracy else {}
    options = {name: config[name] for name in names if name in config}
    if ignored(loss) is not None:
        accuracy = functools.partial(AccuracyOfTheRest, ignored(loss))
    return [
        accuracy(name="accuracy", **threshold),
        cross_entropy(from_logits=from_logits, name="cross_entropy", **options),
    ]
