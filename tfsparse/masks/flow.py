"""The synaptic flow through a positive copy of a network, in as high a precision as it needs."""

import numpy as np
import tensorflow as tf

from tfsparse import paths
from tfsparse.positive import ones, positive

# dtype of the scores, factor for the input and for all that is added on the way, factor for R
_LADDER = (
    ("float32", 1.0, 1.0),
    ("float64", 1.0, 1.0),
    ("float64", 1e-140, 1e-140),
    ("float64", 1e-290, 1e-290),
)


class Flow:
    """|w * dR/dw| of every kernel, R the sum of the outputs for an input of ones.

    In float64: each round ranks what the rounds before have left, so that one pair of weights that float32 ranks otherwise on
    another processor, or on more cores, ends as another mask (at 99 % half of it differed). Scores are kept in float32.

    The products of many layers exceed that range, and those of hundreds of wide layers that of float64. So there is a ladder,
    climbed to the first step whose range is enough: scores in float32; in float64; with the inputs and all that is added on
    the way (biases, norm shifts and means) times c, and R times c'. Where activations are positively homogeneous, as ReLU is,
    that multiplies every score by c * c': the ranking is the same. When pruning has made the flow small again, it goes back
    one step.

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
        """Step on the ladder: 1 if scores overflow or float32 may lose small ones, -1 if scaled ones are small, else 0."""
        digits, scale, _ = _LADDER[self._rung]
        highest = np.max([array.max() for array in scores.values()])  # NaN if there is one
        if not np.isfinite(highest):
            return 1
        if scale != 1:
            return -1 if highest < 1e-200 else 0
        small = not highest or any(np.any((a > 0) & (a < 1e-30)) for a in scores.values())
        return int(digits == "float32" and small)

    def _build(self):
        digits, inputs, outputs = _LADDER[self._rung]
        copy = positive(self.model)
        example = ones(self.model, self.data)
        example = tf.nest.map_structure(
            lambda x: x * tf.constant(inputs, x.dtype) if x.dtype.is_floating else x, example
        )
        for path, variable in paths.weights(copy).items():
            if inputs != 1 and path.endswith(("/bias", "/beta", "/moving_mean")):
                variable.assign(variable * inputs)
        variables = paths.weights(copy)
        self.kernels = kernels = [variables[path] for path in self.names]

        @tf.function
        def scores():
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(kernels)
                r = outputs * tf.add_n([tf.reduce_sum(out) for out in tf.nest.flatten(copy(example, training=False))])
            slopes = tape.gradient(r, kernels, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            return [tf.cast(tf.abs(kernel * slope), digits) for kernel, slope in zip(kernels, slopes, strict=True)]

        self._scores = scores
