"""The synaptic flow through a positive copy of a network."""

import numpy as np
import tensorflow as tf

from tfsparse import paths
from tfsparse.positive import ones, positive

# Factors for the input and for all that is added on the way, and for R.
_LADDER = (1.0, 1e-140, 1e-290)


class Flow:
    """|w * dR/dw| of every kernel, R the sum of the outputs for an input of ones.

    In float64, scores included: each round ranks what the rounds before have left, so that one pair of weights that float32
    ranks otherwise, or takes for equal, ends as another mask (at 99 % half of it differed).

    The products of hundreds of wide layers exceed even that range. So there is a ladder, climbed to the first step whose range
    is enough: the inputs and all that is added on the way (biases, norm shifts and means) times c, and R times c again. Where
    activations are positively homogeneous, as ReLU is, that multiplies every score by c * c: the ranking is the same. When
    pruning has made the flow small again, it goes back one step.

    Args:
        model: built functional or Sequential model; left as it is.
        names: paths of the kernels.
        data: `Data` that gives the size of the images where the model does not, or None.
    """

    def __init__(self, model, names, data=None):
        self.model, self.names, self.data = model, list(names), data
        self._rung = 0
        self._build()

    def __call__(self, live):
        """path -> scores of the network in which only `live` (path -> boolean array) is left."""
        while True:
            for kernel, path in zip(self.kernels, self.names, strict=True):
                kernel.assign(kernel * tf.cast(live[path], kernel.dtype))
            scores = {path: score.numpy() for path, score in zip(self.names, self._scores(), strict=True)}
            step = self._step(scores)
            if not step or self._rung + step == len(_LADDER):
                return scores
            self._rung += step
            self._build()

    def _step(self, scores):
        """Step on the ladder: 1 if scores overflow, -1 if scaled ones are small, else 0."""
        highest = np.max([array.max() for array in scores.values()])  # NaN if there is one
        if not np.isfinite(highest):
            return 1
        return -int(self._rung > 0 and highest < 1e-200)

    def _build(self):
        factor = _LADDER[self._rung]
        copy = positive(self.model)
        example = ones(self.model, self.data)
        example = tf.nest.map_structure(
            lambda x: x * tf.constant(factor, x.dtype) if x.dtype.is_floating else x, example
        )
        variables = paths.weights(copy)
        for path, variable in variables.items():
            if factor != 1 and path.endswith(("/bias", "/beta", "/moving_mean")):
                variable.assign(variable * factor)
        self.kernels = kernels = [variables[path] for path in self.names]

        @tf.function
        def scores():
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(kernels)
                r = factor * tf.add_n([tf.reduce_sum(out) for out in tf.nest.flatten(copy(example, training=False))])
            slopes = tape.gradient(r, kernels, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            return [tf.abs(kernel * slope) for kernel, slope in zip(kernels, slopes, strict=True)]

        self._scores = scores
