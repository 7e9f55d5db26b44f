"""`Run`: what is known about a finished run."""

import contextlib
import dataclasses

from tfsparse.mask.mask_file import is_mask_file
from tfsparse.masks import meaning
from tfsparse.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished run.

    Args:
        name: of its folder.
        settings: all that decides what it computed: a dict, as `Experiment.deciding` gives it; the sparsity of a dense run
            is 0, and that of a run with a mask file the mask's own.
        metrics: what its `metrics.json` holds.
        history: column -> list, a number for each epoch (None: not logged then); `epoch` has their numbers.
        layers: of the mask: dicts of `path`, `live`, `total`, `dead_outputs`, `outputs`; empty for a dense run.
        mask: `Mask.digest` of its mask; empty for a dense run, or if it is not known.

    Raises:
        ValueError: a part is missing, or has the wrong form.
    """

    name: str
    settings: dict
    metrics: dict
    history: dict
    layers: list
    mask: str = ""

    def __post_init__(self):
        kinds = {"name": str, "settings": dict, "metrics": dict, "history": dict, "layers": list, "mask": str}
        wrong = [name for name, kind in kinds.items() if not isinstance(getattr(self, name), kind)]
        columns = [column for column in self.history.values() if isinstance(column, list)] if not wrong else []
        if wrong or len(columns) < len(self.history) or len(set(map(len, columns))) > 1:
            raise ValueError(f"the {wrong[0] if wrong else 'history'} of a run has the wrong form")
        if not all(_is_layer(layer) for layer in self.layers):
            raise ValueError("a layer without a path, weights or channels")
        texts = [name for name, value in self.metrics.items() if name != "files" and not _is_number(value)]
        texts += [
            name for name, c in self.history.items() if not all(value is None or _is_number(value) for value in c)
        ]
        if texts:
            raise ValueError(f"{texts[0]} of the run {self.name} is no number")
        if self.accuracy is not None and not 0 <= self.accuracy <= 1:
            raise ValueError(f"the accuracy of the run {self.name} is {self.accuracy}, which is not between 0 and 1")
        object.__setattr__(self, "settings", _as_used(self.settings, self.metrics))

    @property
    def recipe(self):
        """`Recipe.meaning` of its recipe: the same text however its flags spelt it."""
        return Recipe(self.settings["recipe"]).meaning

    @property
    def accuracy(self):
        """Accuracy after the last epoch on the test set or, for runs without one, on the validation set."""
        return self.metrics.get("test_accuracy", self.metrics.get("validation_accuracy"))

    def curve(self, name):
        """A column of the history: epoch -> number, for the epochs in which it was logged."""
        rows = zip(self.history.get("epoch", []), self.history.get(name, []), strict=False)
        return {epoch: value for epoch, value in rows if value is not None}

    @property
    def lacks_epochs(self):
        """Whether the history has fewer epochs than the run was trained for: its file was cut short, or deleted on the way."""
        return len(self.history.get("epoch", [])) < self.metrics.get("epochs", 0)

    @property
    def ghosts_until(self):
        """The last epoch that began with a living ghost; 0: none ever lived."""
        last = max(self.history.get("epoch", []), default=0)
        # The strength is logged at the end of an epoch: where it is first 0, ghosts lived in that epoch, but in none after.
        ends = [
            epoch for name in ("ghost_neurons", "ghost_skips") for epoch, value in self.curve(name).items() if value
        ]
        began = any(name in self.history for name in ("ghost_neurons", "ghost_skips"))
        return min(1 + max(ends, default=0), last) if began else 0


def _is_layer(layer):
    counts = (
        [layer.get(name) for name in ("total", "outputs", "live", "dead_outputs")] if isinstance(layer, dict) else []
    )
    whole = bool(counts) and all(isinstance(count, int) and count >= 0 for count in counts)
    return whole and isinstance(layer.get("path"), str) and min(counts[:2]) >= 1


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_used(settings, metrics):
    """The settings, with a sparsity that the run did not use replaced: by 0 if it was dense, by the mask's own if it came from
    a file. A mask method is written as `meaning` has it, if it is known here."""
    mask = settings.get("mask")
    if mask is None:
        return settings
    if mask == "none":
        return {**settings, "sparsity": 0.0}
    if not is_mask_file(mask):
        # Left as it stands: a user's own method, or an allocation whose file is gone.
        with contextlib.suppress(ValueError, OSError):
            mask = meaning(mask)
        return {**settings, "mask": mask}
    if "sparsity" in metrics:
        # Five digits first, as in files of runs: a run must read the same from its folder and from such a file.
        return {**settings, "sparsity": round(float(f"{metrics['sparsity']:.5g}"), 4)}
    return settings
