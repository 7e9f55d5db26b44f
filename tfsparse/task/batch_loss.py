"""The loss of a batch, as Keras' `fit` computes it."""

import tensorflow as tf
from tf_keras.src.engine.compile_utils import match_dtype_and_rank


def batch_loss(loss, labels, outputs):
    """The mean loss of a batch.

    Keras' `fit` gives a loss labels of the outputs' rank, (n, 1) for (n,), and takes the mean of what it returns. A function or
    class of the user's own may rely on either, and would give something else if it were called directly.

    Args:
        loss: as `Task` takes it.
        labels: tensor (n,) or of the outputs' shape.
        outputs: tensor (n, ...).

    Returns:
        Scalar tensor.

    >>> outputs = tf.constant([[0.25], [0.5]])
    >>> float(batch_loss(lambda y, p: tf.abs(tf.cast(y, p.dtype) - p), tf.constant([0, 1]), outputs))
    0.375
    """
    labels, outputs, _ = match_dtype_and_rank(labels, outputs, None)
    return tf.reduce_mean(loss(labels, outputs))
