"""Adam on one scale per tensor, as GradInit uses it."""

import numpy as np

_BETAS, _EPSILON = (0.9, 0.999), 1e-8


class ScaleAdam:
    """Two kinds of step, on the norm (constraint) and on the objective, share the second moment.

    Each kind has its own first moment and its own step count for the bias correction; the second moment's correction
    counts both.

    Args:
        count: number of scales; they start at 1.
        rate: learning rate.
        bounds: lower bound of each scale.
        clip: bound of the derivative's absolute value.

    >>> adam = ScaleAdam(1, 0.1, np.zeros(1), 1.0)
    >>> adam.update(np.array([5.0]), constraint=False)
    >>> adam.scales.round(4).tolist()
    [0.9]
    """

    def __init__(self, count, rate, bounds, clip):
        self.scales = np.ones(count)
        self.rate, self.bounds, self.clip = rate, bounds, clip
        self._first = {True: np.zeros(count), False: np.zeros(count)}
        self._steps = {True: 0, False: 0}
        self._second = np.zeros(count)

    def update(self, derivatives, *, constraint):
        """One step down `derivatives`, of the norm if `constraint`, else of the objective."""
        b1, b2 = _BETAS
        d = np.clip(derivatives, -self.clip, self.clip)
        self._steps[constraint] += 1
        self._first[constraint] = b1 * self._first[constraint] + (1 - b1) * d
        self._second = b2 * self._second + (1 - b2) * d * d
        m = self._first[constraint] / (1 - b1 ** self._steps[constraint])
        v = self._second / (1 - b2 ** sum(self._steps.values()))
        self.scales = np.maximum(self.scales - self.rate * m / (np.sqrt(v) + _EPSILON), self.bounds)
