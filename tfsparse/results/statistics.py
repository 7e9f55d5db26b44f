"""Means, spreads and paired differences of runs that differ in recipe and seed only."""

import collections
import dataclasses
import json
import statistics

from tfsparse.results.comparison import Comparison

NONE = "none"
NAMES = ("data", "model", "mask", "sparsity")  # of the settings that every table shows


@dataclasses.dataclass(frozen=True)
class Summary:
    """Runs that differ in their seed only.

    Args:
        context: the settings that they share, without recipe and seed, as a dict.
        recipe: as `Recipe.meaning` has it.
        accuracies: seed -> accuracy.
        runs: the runs, by seed.
    """

    context: dict
    recipe: str
    accuracies: dict
    runs: tuple

    @property
    def by_seed(self):
        """Seed -> run."""
        return {run.settings["seed"]: run for run in self.runs}

    @property
    def mean(self):
        """Mean of the accuracies."""
        return statistics.mean(self.accuracies.values())

    @property
    def spread(self):
        """Sample standard deviation; None for a single run."""
        return statistics.stdev(self.accuracies.values()) if len(self.accuracies) > 1 else None


def summaries(runs):
    """Groups runs by all settings but the seed: a list of `Summary`, ordered by data, model, mask, sparsity and recipe."""
    groups = {}
    for run in runs:
        settings = dict(run.settings)
        seed, _ = settings.pop("seed"), settings.pop("recipe")
        groups.setdefault((json.dumps(settings, sort_keys=True), run.recipe), []).append((seed, run))
    found = []
    for (context, recipe), rows in groups.items():
        rows.sort(key=lambda row: row[0])
        accuracies = {seed: run.accuracy for seed, run in rows if run.accuracy is not None}
        if accuracies:
            found.append(Summary(json.loads(context), recipe, accuracies, tuple(run for _, run in rows)))
    return sorted(found, key=lambda one: (*(one.context[name] for name in NAMES), one.recipe != NONE, one.recipe))


def comparisons(found, base=NONE):
    """Every recipe against the recipe `base` in the same context, at the seeds that both have: a list of `Comparison`.

    Runs with different masks are not compared: see `unlike`.
    """
    compared = (comparison(one, other) for one, other in _against(found, base))
    return [one for one in compared if one is not None]


def comparison(one, other):
    """A `Summary` against another (either may be None), at the seeds that both have and at which their masks are the same.

    Returns:
        `Comparison`; None if there is nothing to compare.
    """
    seeds = [seed for seed in _shared(one, other) if _same_mask(one.by_seed[seed], other.by_seed[seed])]
    pairs = {seed: (one.accuracies[seed], other.accuracies[seed]) for seed in seeds}
    return Comparison(one.context, one.recipe, pairs) if seeds else None


def unlike(found, base=NONE):
    """Names of runs that would be compared with each other if they had the same mask: a list of pairs.

    The same settings may find different masks on two machines, and a mask file may have been replaced.
    """
    return [(run.name, plain.name) for run, plain in _sides(found, base) if not _same_mask(run, plain)]


def confirmed(found, base=NONE):
    """By what it is known that the pairs of `comparisons` have the same mask: a dict with the number of pairs for each.

    `digest`: of every weight; `layers`: as many live weights and dead channels in each layer, which tells masks of SNIP or
    SynFlow apart, but not random ones without dead channels; `nothing`: it is not known. Dense pairs are not counted.
    """
    counts = collections.Counter(_same_mask(*sides) for sides in _sides(found, base))
    return {known: counts[known] for known in ("digest", "layers", "nothing")}


def _sides(found, base):
    """Pairs of runs that would be compared if they had the same mask."""
    pairs = [(one, other, seed) for one, other in _against(found, base) for seed in _shared(one, other)]
    return [(one.by_seed[seed], other.by_seed[seed]) for one, other, seed in pairs]


def _against(found, base):
    """Every `Summary` of another recipe than `base`, and the one of `base` in the same context, or None."""
    bases = {json.dumps(one.context, sort_keys=True): one for one in found if one.recipe == base}
    return [(one, bases.get(json.dumps(one.context, sort_keys=True))) for one in found if one.recipe != base]


def _shared(one, other):
    return [seed for seed in one.accuracies if seed in other.accuracies] if one and other else []


def _same_mask(run, other):
    """By what it is known that two runs have the same mask, as `confirmed` names it; empty if their masks differ.

    Runs from before there were digests have only the counts of their layers. `dense`: neither has a mask.
    """
    if run.settings["mask"] == "none":
        return "dense"
    if run.mask and other.mask:
        return "digest" if run.mask == other.mask else ""
    if run.layers and other.layers:
        return "layers" if _counts(run) == _counts(other) else ""
    return "nothing"


def _counts(run):
    return {layer["path"]: (layer["live"], layer["dead_outputs"]) for layer in run.layers}


def varying(found):
    """Names of the settings in which contexts differ, besides data, model, mask and sparsity."""
    names = [name for name in (found[0].context if found else {}) if name not in NAMES]
    return [name for name in names if len({json.dumps(one.context[name]) for one in found}) > 1]
