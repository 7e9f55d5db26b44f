"""Optimizers see gradients of live weights only."""

import tensorflow as tf
import tf_keras as keras


class MaskGradients(keras.callbacks.Callback):
    """Makes the gradients of dead weights 0 before the optimizer of the trained model sees them.

    The mask undoes what a step does to dead weights. All else that optimizers make of gradients counts those of dead
    weights too, unless they are 0: a norm that clips, momentum, and the averages of `use_ema`, which Keras puts in the
    weights' place at the end of `fit` without asking constraints.
    """

    def __init__(self):
        super().__init__()
        self._known = None

    def on_train_begin(self, logs=None):
        if self._known is not self.model.optimizer:
            self._known = self.model.optimizer
            mask_gradients(self._known, self.model.trainable_variables)


def mask_gradients(optimizer, variables):
    """Lets `optimizer` see 0 for the gradients of the dead weights in `variables`.

    Args:
        optimizer: Keras optimizer whose step is not traced yet; with loss scaling, too. A legacy one stays as it is.
        variables: of a sparsified model.
    """
    found = {v.ref(): v.constraint for v in variables if getattr(v.constraint, "mask", None) is not None}
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    aggregate = getattr(optimizer, "aggregate_gradients", None)
    if not found or aggregate is None:
        return

    def live(gradient, variable):
        constraint = found.get(variable.ref())
        if gradient is None or constraint is None:
            return gradient
        return tf.convert_to_tensor(gradient) * tf.cast(constraint.mask, gradient.dtype)

    # Behind the sum over devices and before any clipping; Keras has no other place there.
    optimizer.aggregate_gradients = lambda pairs: [(live(g, v), v) for g, v in aggregate(pairs)]
