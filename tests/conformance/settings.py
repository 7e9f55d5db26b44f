"""Options for entries that need some, or that are slow with their defaults. A row: name -> what is passed."""

METHODS = {
    "imp": "imp(rounds=2, epochs=1)",
    "synflow": "synflow(rounds=5)",
}
