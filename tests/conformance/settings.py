"""Options for entries that need some, or that are slow with their defaults. A row: name -> what is passed."""

METHODS = {"synflow": "synflow(rounds=5)"}
