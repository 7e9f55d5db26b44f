"""SGD as the papers' code has it."""

import tensorflow as tf
import tf_keras as keras


@keras.utils.register_keras_serializable(package="tfsparse")
class SGD(keras.optimizers.Optimizer):
    """SGD with momentum whose velocity does not contain the learning rate, and with L2 decay in the gradient.

        v <- momentum * v + (g + weight_decay * w)
        w <- w - learning_rate * v

    This is PyTorch's SGD, which the published protocols used. Keras' SGD folds the rate into the velocity, so the two
    part ways after a drop of the learning rate, and its `weight_decay` is decoupled from the gradient.

    Args:
        learning_rate: float or Keras schedule.
        momentum: in [0, 1).
        weight_decay: on every trainable weight but those given to `exclude_from_weight_decay`.

    >>> w = tf.Variable(1.0)
    >>> optimizer = SGD(0.1, momentum=0.9, weight_decay=0.0)
    >>> for _ in range(2):
    ...     _ = optimizer.apply_gradients([(tf.constant(1.0), w)])
    >>> round(float(w), 4)
    0.71
    """

    def __init__(self, learning_rate=0.1, momentum=0.9, weight_decay=0.0, name="SGD", **kwargs):
        super().__init__(name=name, weight_decay=None, **kwargs)  # Keras' own is decoupled; even at 0 it costs a pass
        self._learning_rate = self._build_learning_rate(learning_rate)
        self.momentum = momentum
        self.l2 = weight_decay
        self._undecayed = set()

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        """Leaves variables out of the decay; to be called before the first step, as with Keras' own optimizers.

        Args:
            var_list: the variables.
            var_names: not supported: names repeat.
        """
        if var_names:
            raise ValueError(f"Give the variables themselves as var_list; names may repeat: {var_names!r}.")
        self._undecayed.update(self._var_key(variable) for variable in var_list or ())

    def build(self, var_list):
        super().build(var_list)
        if getattr(self, "_built", False):
            return
        self.velocities = [self.add_variable_from_reference(v, "v") for v in var_list]
        self._built = True

    def update_step(self, gradient, variable):
        key = self._var_key(variable)
        if isinstance(gradient, tf.IndexedSlices):  # decay makes the gradient of an embedding dense anyway
            gradient = tf.convert_to_tensor(gradient)
        if self.l2 and key not in self._undecayed:
            gradient += self.l2 * variable
        tf.raw_ops.ResourceApplyMomentum(  # one pass over the weights, and half the graph that assignments make
            var=variable.handle,
            accum=self.velocities[self._index_dict[key]].handle,
            lr=tf.cast(self.learning_rate, variable.dtype),
            grad=gradient,
            momentum=self.momentum,
        )

    def get_config(self):
        own = {
            "learning_rate": self._serialize_hyperparameter(self._learning_rate),
            "momentum": self.momentum,
            "weight_decay": self.l2,
        }
        return {**super().get_config(), **own}
