"""Finds masks: which weights live.

- `random`, `erk`: do not look at the network; strong baselines at moderate sparsity, above all for wide networks.
- `magnitude`: keeps large weights; meant for trained networks. Untrained ones lose whole layers above about 90 %.
- `snip`, `taylor`: one look at the data; good at moderate sparsity, but they lose layers at extreme sparsity.
- `grasp`: one look at the data and its second derivatives.
- `synflow`: no data, 100 rounds; holds together at any sparsity. The choice above 95 %.
- `imp`: lottery tickets; several trainings. `gem_miner`: one training, of scores. `gradual`: TF-MOT's pruning during training.
- a mask file (`"path/to/mask.safetensors"`, or `.npz` from PyTorch), or a `Mask`.

All take the options of `Choices`: `allocation`, `pattern`, `min_per_layer`, `sanity`.

A new method is a function `(search, *, options)` in a file here and a line in `METHODS`. It receives a `Search` and
returns a `Ranking` made from its score function; counts, ties, budgets, patterns and rounds are handled for it.
"""

from tfsparse.masks.choices import Choices
from tfsparse.masks.find import find_mask, scores
from tfsparse.masks.methods import METHODS, OWN_TRAINING, TRAINED
from tfsparse.masks.named import meaning, read_method

__all__ = ["METHODS", "OWN_TRAINING", "TRAINED", "Choices", "find_mask", "meaning", "read_method", "scores"]
