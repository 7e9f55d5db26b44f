"""Random masks: nothing is scored, only the budgets of the layers differ."""

from tfsparse.masks.allocate import keep_top


def random(search, *, allocation="uniform"):
    """Draws the living weights, every one of a layer equally likely.

    A surprisingly strong baseline (Liu et al., "The Unreasonable Effectiveness of Random Pruning", 2022).

    Args:
        search: `Search`.
        allocation: `"uniform"`, the same density in every layer; `"erk"`; `"global"`, one draw over all layers.

    Returns:
        path -> boolean array.
    """
    generator = search.random
    drawn = {path: generator.random(variable.shape) for path, variable in search.weights.items()}
    return keep_top(drawn, search.everything, search.count, allocation, generator)


def erk(search):
    """Draws with Erdos-Renyi-Kernel budgets: small layers denser, large ones sparser.

    density of a layer = epsilon * (sum of the kernel's shape) / (product of the shape), at most 1
    (Evci et al., "Rigging the Lottery: Making All Tickets Winners", 2020).

    Args:
        search: `Search`.

    Returns:
        path -> boolean array.
    """
    return random(search, allocation="erk")
