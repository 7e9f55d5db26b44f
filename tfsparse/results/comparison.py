"""`Comparison`: a recipe against another."""

import dataclasses
import statistics

import scipy.stats


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A recipe against another, seed by seed.

    Args:
        context: as in `Summary`.
        recipe: what is compared.
        pairs: seed -> (accuracy with the recipe, accuracy with the other one).
    """

    context: dict
    recipe: str
    pairs: dict

    @property
    def differences(self):
        """Seed -> accuracy with the recipe less accuracy with the other one."""
        return {seed: accuracy - other for seed, (accuracy, other) in self.pairs.items()}

    @property
    def means(self):
        """Mean accuracy with the recipe, and with the other one."""
        return tuple(map(statistics.mean, zip(*self.pairs.values(), strict=True)))

    @property
    def mean(self):
        """Mean of the differences."""
        return statistics.mean(self.differences.values())

    @property
    def interval(self):
        """95 % confidence interval of the mean (Student's t, paired), as (low, high); None for fewer than three pairs.

        The spread of two differences says next to nothing: of intervals made from it, some are absurdly narrow, most useless.

        >>> [round(end, 3) for end in Comparison({}, "tost", {0: (0.91, 0.9), 1: (0.92, 0.9), 2: (0.93, 0.9)}).interval]
        [-0.005, 0.045]
        """
        values = list(self.differences.values())
        if len(values) < 3:
            return None
        half = float(scipy.stats.t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / len(values) ** 0.5
        return self.mean - half, self.mean + half
