"""Random masks: nothing is scored, only the budgets of the layers differ."""

from tfsparse.masks.search import Ranking


def random(search):
    """Draws the live weights at random; all weights of a layer are equally likely.

    A surprisingly strong baseline (Liu et al., "The Unreasonable Effectiveness of Random Pruning", 2022). The budgets are
    those of `allocation`: `"uniform"` if none is named, `"erk"`, `"balanced"`, `"smart_ratio"`, another mask's.

    Args:
        search: `Search`.

    Returns:
        `Ranking`.
    """
    return _draws(search, "uniform")


def erk(search):
    """Draws with Erdos-Renyi-Kernel budgets: small layers denser, large ones sparser.

    density of a layer = epsilon * (sum of the kernel's shape) / (product of the shape), at most 1
    (Evci et al., "Rigging the Lottery: Making All Tickets Winners", 2020).

    Args:
        search: `Search`.

    Returns:
        `Ranking`.
    """
    return _draws(search, "erk")


def _draws(search, allocation):
    generator = search.random()

    def score(live):
        return {path: generator.random(variable.shape) for path, variable in search.weights.items()}

    return Ranking(score, allocation=allocation, drawn=True)
