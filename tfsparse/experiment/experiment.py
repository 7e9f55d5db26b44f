"""`Experiment`: every setting of a run, once."""

import dataclasses
import hashlib
import json
import os
import pathlib
import re

from tfsparse.flags import setting
from tfsparse.mask.mask_file import is_mask_file
from tfsparse.values import plain


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Everything that decides what a run computes and where it lands; each field is a command-line flag."""

    data: str = setting(
        "digits", "Data set: digits, cifar10, cifar100, tiny_imagenet, or a part: 'cifar10(train=5000)'."
    )
    data_dir: str | None = setting(
        None, "Where TFDS keeps data sets; default: $TFDS_DATA_DIR or ~/tensorflow_datasets.", path=True
    )
    download: bool = setting(False, "Download the data set if it is not there.")
    augment: str | None = setting(
        None,
        "Augmentation of training images: none, or of crop, flip, crop_flip, randaugment, mixup, cutmix; default: the set's.",
    )
    batch_size: int = setting(128, "Training images a step, over all devices.")
    model: str = setting("resnet20", "Network, with options: resnet18, resnet20, 'vgg16(width=0.5)', mobilenet, ...")
    mask: str = setting(
        "synflow",
        "Mask method with options, such as \"snip(batches=4, pattern='2:4')\", a mask file, or 'none' (dense).",
        path=True,
    )
    sparsity: float = setting(0.9, "Share of prunable weights that are zero, in [0, 1); a mask file has its own.")
    prunable: str = setting(
        "all",
        "Which kernels are pruned: of convolutions and dense layers, of convolutions, of 1x1 convolutions.",
        ["all", "conv", "pointwise"],
    )
    exclude: str = setting(
        "", "Layers or weights that stay dense and are not counted, separated by commas, such as 'stem,classifier'."
    )
    strict: bool = setting(False, "Refuse a mask that leaves a layer without a weight, instead of warning.")
    recipe: str = setting(
        "tost", "Recipe: tost (all parts), none, or parts such as 'ghost_skips(share=0.25),label_smoothing'."
    )
    epochs: int = setting(160, "How many times to go through the training data.")
    learning_rate: float = setting(0.1, "Learning rate of SGD at the start.")
    learning_rate_scaling: str = setting(
        "none",
        "How the learning rate, meant for a batch_size of 128, follows yours: linear (x batch_size / 128), or sqrt of that.",
        ["none", "linear", "sqrt"],
    )
    momentum: float = setting(0.9, "Momentum of SGD, in [0, 1).")
    weight_decay: float = setting(2e-4, "L2 decay in the gradient of every weight.")
    schedule: str = setting(
        "step", "Learning-rate schedule: 'step(drops=(0.5, 0.75), factor=0.1)', cosine or constant."
    )
    seed: int = setting(0, "Decides initial weights, order, augmentation and ties.")
    deterministic: bool = setting(True, "Same metrics from the same flags on the same machine, at some cost in speed.")
    strategy: str = setting(
        "none",
        "Devices: one, all local GPUs, the workers of TF_CONFIG, or a TPU.",
        ["none", "mirrored", "multi_worker", "tpu"],
    )
    sync_batch_norm: bool = setting(False, "BatchNorm over the batches of all devices, not of each.")
    live_gradients: bool = setting(False, "Devices exchange the gradients of live weights only.")
    compact: bool = setting(False, "Train without the channels that the mask has killed, once no ghost lives.")
    mixed_precision: str = setting(
        "none",
        "Precision of the training step; auto takes bfloat16 if it is at least 1.1 times as fast here, else none.",
        ["none", "bfloat16", "float16", "auto"],
    )
    jit_compile: bool = setting(False, "Compile the training step with XLA.")
    steps_per_execution: int = setting(1, "Batches that one call of the compiled step processes.")
    export: str = setting("saved_model,tflite", "Formats to export, separated by commas, or 'none'.")
    compact_export: bool = setting(True, "Exported files leave out the channels that the mask has killed.")
    output_dir: str = setting("saved_models", "Where run folders are made.", path=True)
    run_name: str | None = setting(None, "Name of the run folder; default: made from the settings.")
    overwrite: bool = setting(False, "Delete what an earlier run with these settings left, and begin anew.")

    def __post_init__(self):
        for field in dataclasses.fields(self):  # one type for each: equal settings are one run
            object.__setattr__(self, field.name, plain(getattr(self, field.name), type(field.default)))

    @property
    def name(self):
        """Name of the run folder: readable, and different for different settings.

        >>> Experiment(seed=1).name[:-8]
        'digits-resnet20-synflow-s0.9-tost-seed1-'
        """
        if self.run_name:
            return self.run_name
        digest = hashlib.sha256(json.dumps(self.deciding(), sort_keys=True).encode()).hexdigest()[:8]
        sparsity = [] if self.mask_file else [f"s{self.sparsity:g}"]  # a mask file has its own
        parts = [self.data, self.model, self.mask, *sparsity, self.recipe, f"seed{self.seed}"]
        return "-".join(re.sub(r"[^A-Za-z0-9_.]+", "_", part)[:40].strip("_") for part in parts) + f"-{digest}"

    @property
    def mask_file(self):
        """Path of the mask file; None: the mask is found by a method, or the run is dense."""
        return pathlib.Path(self.mask) if is_mask_file(self.mask) else None

    def deciding(self):
        """The settings that decide what is computed, as a dict."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name not in _ELSEWHERE}

    @classmethod
    def from_flagfile(cls, path):
        """Reads what `RunFolder.write_flags` wrote.

        Raises:
            ValueError: a line that is no setting of an experiment, or a file cut short, which would be read as another run.
        """
        fields, given = {field.name: field for field in dataclasses.fields(cls)}, {}
        text = pathlib.Path(path).read_text(encoding="utf-8")
        for line in text.splitlines():
            name, _, value = line.removeprefix("--").partition("=")
            if name not in fields:
                raise ValueError(f"{path}: {line!r} is no setting of an experiment.")
            given[name] = _value(path, fields[name], value)
        missing = [name for name in _ALWAYS if name not in given]
        if missing or not text.endswith("\n"):
            what = f"it does not say {', '.join(missing)}" if missing else "its last line has no end"
            raise ValueError(f"{path} is damaged: {what}. Put the file back as it was, or delete the run.")
        return cls(**given)


def _value(path, field, text):
    """The value of a setting that is written as `text` in the flagfile at `path`."""
    kind = type(field.default)
    if kind is bool:
        if text not in ("True", "False"):
            raise ValueError(f"{path} is damaged: --{field.name}={text} is neither True nor False.")
        return text == "True"
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"{path} is damaged: --{field.name}={text} is no number.") from None
    return os.path.expanduser(text) if field.metadata["path"] else text


# Settings that every run has ever written: a flagfile without one of them has lost lines.
_ALWAYS = ("data", "model", "mask", "sparsity", "recipe", "epochs", "seed")
# Settings that do not change what is computed.
_ELSEWHERE = ("data_dir", "download", "export", "compact_export", "output_dir", "run_name", "overwrite")
