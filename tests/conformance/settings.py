"""Options for entries that need some, or that are slow with their defaults. A row: name -> what is passed."""

DRAWN = ("erk", "gem_miner", "random")  # whose masks another seed changes; the others draw among ties only

TRAIN = ("gem_miner", "gradual", "imp")  # seconds for each mask; how many weights live is counted as for the others

METHODS = {
    "gem_miner": "gem_miner(epochs=3, period=1)",
    "gradual": "gradual(epochs=2, frequency=2)",
    "imp": "imp(rounds=2, epochs=1)",
    "synflow": "synflow(rounds=5)",
}
