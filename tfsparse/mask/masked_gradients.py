"""Optimizers see gradients of live weights only."""

import tensorflow as tf
import tf_keras as keras


class MaskGradients(keras.callbacks.Callback):
    """Makes the gradients of dead weights 0 before the optimizer of the trained model sees them.

    The mask undoes what a step does to dead weights. But their gradients, unless they are 0, also enter all else that
    optimizers compute: a norm that clips, momentum, and the averages of `use_ema`, which Keras puts in the weights' place
    at the end of `fit` without applying constraints. Only Adafactor sees all gradients: zeros make it NaN.
    """

    def on_train_begin(self, logs=None):
        mask_gradients(self.model.optimizer, self.model.trainable_variables)


def mask_gradients(optimizer, variables):
    """Lets `optimizer` see 0 for the gradients of the dead weights in `variables`.

    Args:
        optimizer: Keras optimizer whose step is not traced yet, also with loss scaling. Legacy ones and Adafactor stay
            as they are.
        variables: of a sparsified model.
    """
    found = {v.ref(): v.constraint for v in variables if getattr(v.constraint, "mask", None) is not None}
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    aggregate = getattr(optimizer, "aggregate_gradients", None)
    # Adafactor divides by the mean squares of rows and of columns; if those are of zeros alone, the result is NaN.
    if not found or aggregate is None or isinstance(optimizer, keras.optimizers.Adafactor):
        return

    aggregate = getattr(aggregate, "unmasked", aggregate)  # every `fit` comes through here

    def live(gradient, variable):
        constraint = found.get(variable.ref())
        if gradient is None or constraint is None:
            return gradient
        return tf.convert_to_tensor(gradient) * tf.cast(constraint.mask, gradient.dtype)

    def masked(pairs):
        return [(live(g, v), v) for g, v in aggregate(pairs)]

    # After the sum over devices and before any clipping; Keras has no other place there.
    masked.unmasked = aggregate
    optimizer.aggregate_gradients = masked
