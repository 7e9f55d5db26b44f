"""n:m patterns."""

import math

import numpy as np

from tfsparse.masks.pattern import Pattern, check_divides


class OfEvery(Pattern):
    """At most n of every m consecutive input channels."""

    def __init__(self, axes, n, m):
        super().__init__(axes)
        self.n, self.m = n, m

    def check(self, shapes, count):
        total = sum(map(math.prod, shapes.values()))
        for path, shape in shapes.items():
            box = tuple(self.m if axis == self.axes[path][0][-1] else 1 for axis in range(len(shape)))
            check_divides(path, shape, box, f"{self.n}:{self.m}")
        if count > total // self.m * self.n:
            raise ValueError(
                f"The pattern {self.n}:{self.m} leaves {self.n / self.m:.2%} of the weights at most: "
                f"choose a sparsity of {1 - self.n / self.m:g} or more, received {1 - count / total:.4g}."
            )

    def limit(self, scores, live, density, random):
        most = max(self.n, math.ceil(self.m * density - 1e-9))
        return {path: self._best(path, scores[path], live[path], most, random) for path in scores}

    def count(self, shapes, density, count):
        """While more live than the pattern has room for, every group keeps the same number, so that none falls below n."""
        most = math.ceil(self.m * density - 1e-9)
        return sum(map(math.prod, shapes.values())) // self.m * most if most > self.n else count

    def _best(self, path, scores, live, most, random):
        if most >= self.m:
            return live
        into = self.axes[path][0][-1]
        ranked = np.moveaxis(np.where(live, scores, -np.inf), into, -1)
        groups = ranked.reshape(-1, self.m)
        order = np.lexsort((random.random(groups.shape, np.float32), -groups))  # along the last axis; ties by draw
        best = np.zeros(groups.shape, bool)
        np.put_along_axis(best, order[:, :most], True, axis=1)
        return np.moveaxis(best.reshape(ranked.shape), -1, into) & live
