"""Means, spreads and paired differences of runs that differ in recipe and seed only."""

import dataclasses
import json
import statistics

import scipy.stats

NONE = "none"
NAMES = ("data", "model", "mask", "sparsity")  # of the settings that every table shows


@dataclasses.dataclass(frozen=True)
class Summary:
    """Runs that differ in their seed only.

    Args:
        context: what they have in common, without recipe and seed, as a dict; `recipe` beside it.
        accuracies: seed -> accuracy.
        runs: the runs, by seed.
    """

    context: dict
    recipe: str
    accuracies: dict
    runs: tuple

    @property
    def mean(self):
        """Of the accuracies."""
        return statistics.mean(self.accuracies.values())

    @property
    def spread(self):
        """Sample standard deviation; None of a single run."""
        return statistics.stdev(self.accuracies.values()) if len(self.accuracies) > 1 else None


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
        """Of the accuracies with the recipe, and with the other one."""
        return tuple(map(statistics.mean, zip(*self.pairs.values(), strict=True)))

    @property
    def mean(self):
        """Of the differences."""
        return statistics.mean(self.differences.values())

    @property
    def interval(self):
        """95 % confidence interval of the mean (Student's t, paired), as (low, high); None of a single pair.

        >>> [round(end, 3) for end in Comparison({}, "tost", {0: (0.91, 0.9), 1: (0.92, 0.9), 2: (0.93, 0.9)}).interval]
        [-0.005, 0.045]
        """
        values = list(self.differences.values())
        if len(values) < 2:
            return None
        half = float(scipy.stats.t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / len(values) ** 0.5
        return self.mean - half, self.mean + half


def summaries(runs):
    """Groups runs by all but their seed; a list of `Summary`, in the order of mask, sparsity and recipe."""
    groups = {}
    for run in runs:
        settings = dict(run.settings)
        seed, recipe = settings.pop("seed"), settings.pop("recipe")
        groups.setdefault((json.dumps(settings, sort_keys=True), recipe), []).append((seed, run))
    found = []
    for (context, recipe), rows in groups.items():
        rows.sort(key=lambda row: row[0])
        accuracies = {seed: run.accuracy for seed, run in rows if run.accuracy is not None}
        if accuracies:
            found.append(Summary(json.loads(context), recipe, accuracies, tuple(run for _, run in rows)))
    return sorted(found, key=lambda one: (*(one.context[name] for name in NAMES), one.recipe != NONE, one.recipe))


def comparisons(found, base=NONE):
    """Every recipe against the recipe `base` in the same context, at the seeds that both have: a list of `Comparison`."""
    bases = {json.dumps(one.context, sort_keys=True): one for one in found if one.recipe == base}
    rows = []
    for one in found:
        other = bases.get(json.dumps(one.context, sort_keys=True))
        compared = None if one.recipe == base else comparison(one, other)
        if compared is not None:
            rows.append(compared)
    return rows


def comparison(one, other):
    """A `Summary` against another (either may be None), at the seeds that both have; None if there are none."""
    seeds = [seed for seed in one.accuracies if seed in other.accuracies] if one and other else []
    pairs = {seed: (one.accuracies[seed], other.accuracies[seed]) for seed in seeds}
    return Comparison(one.context, one.recipe, pairs) if seeds else None


def varying(found):
    """Names of the settings in which contexts differ, besides data, model, mask and sparsity."""
    names = [name for name in (found[0].context if found else {}) if name not in NAMES]
    return [name for name in names if len({json.dumps(one.context[name]) for one in found}) > 1]
