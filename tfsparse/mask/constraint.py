"""The one place where zeros are enforced: a Keras weight constraint that multiplies by the mask after each update."""

import tf_keras as keras

_REACHED_BY = {  # a layer's public constraint attribute, by the weight it belongs to
    "kernel": "kernel_constraint",
    "depthwise_kernel": "depthwise_constraint",
    "pointwise_kernel": "pointwise_constraint",
}


class MaskConstraint(keras.constraints.Constraint):
    """`weight -> inner(weight * mask) * mask`: Keras applies it after every optimizer step, in the same graph.

    Args:
        mask: variable of 0 and 1 in the weight's shape; None until the wrapper has built it.
        inner: the constraint that the weight already had, or None.

    >>> import tensorflow as tf
    >>> MaskConstraint(tf.constant([1.0, 0.0]))(tf.constant([3.0, 4.0])).numpy().tolist()
    [3.0, 0.0]
    """

    def __init__(self, mask=None, inner=None):
        self.mask = mask
        self.inner = inner

    def __call__(self, weight):
        if self.mask is None:
            return weight if self.inner is None else self.inner(weight)
        weight = weight * self.mask
        # The layer's own constraint must see the sparse weight (a norm counts live weights only), and not revive any.
        return weight if self.inner is None else self.inner(weight) * self.mask


def offer(layer):
    """Gives an unbuilt layer's kernels a mask constraint through its public attributes; returns a function that takes it back.

    The layer's own attributes must not keep it: they are the layer's configuration, saved with the model.
    """
    before = {name: getattr(layer, name) for name in _REACHED_BY.values() if hasattr(layer, name)}
    for name, inner in before.items():
        setattr(layer, name, MaskConstraint(inner=inner))

    def take_back():
        for name, inner in before.items():
            setattr(layer, name, inner)

    return take_back


def enforce(variable, mask):
    """Makes `variable` follow `mask` (a variable of its shape) from the next optimizer step on."""
    if not isinstance(variable.constraint, MaskConstraint):
        # Built before `offer`, or by a layer without a public constraint (composite and custom layers).
        _set_constraint(variable, MaskConstraint(inner=variable.constraint))
    variable.constraint.mask = mask


def release(variable):
    """Takes the mask constraint off `variable` and leaves the constraint it had before."""
    if isinstance(variable.constraint, MaskConstraint):
        _set_constraint(variable, variable.constraint.inner)


def _set_constraint(variable, constraint):
    """Sets the constraint of a variable that exists already, for which TensorFlow has no public way."""
    inner = getattr(variable, "_variable", variable)  # inside mixed precision's AutoCastVariable
    for copy in getattr(inner, "values", [inner]):  # one per device under a distribution strategy
        copy._constraint = constraint
    if variable.constraint is not constraint:
        raise TypeError(f"Cannot set a constraint on {variable.name} ({type(variable).__name__}).")
