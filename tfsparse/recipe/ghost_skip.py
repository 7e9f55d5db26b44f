"""`GhostSkip`: the shortcut around one convolution."""

import tensorflow as tf
import tf_keras as keras

from tfsparse.recipe.fading_norm import FadingNorm
from tfsparse.recipe.strength import Ghost


@keras.utils.register_keras_serializable(package="tfsparse")
class GhostSkip(Ghost):
    """`[u, x, strength] -> u + strength * BN(1x1 convolution of x)`; `u` alone when the ghost has left.

    `start`: Keras initializer of the 1x1 kernel. `live`: a boolean for each of the filters: where it is False, the output is
    `u` alone. None: all True.
    """

    def __init__(self, filters, strides, start, clock, live=None, decays=True, **kwargs):
        super().__init__(clock, **kwargs)
        self.filters, self.strides, self.decays = filters, tuple(strides), decays
        self.live = None if live is None or all(live) else tuple(bool(filter) for filter in live)
        # "same": with stride s the 1x1 kernel reads every s-th pixel from the first on, ceil(size / s) of them.
        self.convolution = keras.layers.Conv2D(
            filters, 1, strides, "same", use_bias=False, kernel_initializer=start, dtype=self._dtype_policy
        )
        # A constant kernel of 1e-4 gives a variance far below Keras' default epsilon of 1e-3, which would mute the ghost.
        self.normalization = FadingNorm(momentum=0.9, epsilon=1e-5, dtype=self._dtype_policy)

    def call(self, inputs, training=None):
        u, x, strength = inputs
        if self.gone:
            return u
        if self.live is not None:
            strength = strength * tf.constant(self.live, strength.dtype)
        return u + self.normalization(self.convolution(x), strength, training=training)

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        own = {name: getattr(self, name) for name in ("filters", "strides", "live", "decays")}
        start = keras.initializers.serialize(self.convolution.kernel_initializer)
        return {**super().get_config(), **own, "start": start}
