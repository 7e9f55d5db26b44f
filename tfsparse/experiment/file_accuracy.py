"""Accuracy of an exported file."""

import numpy as np

from tfsparse.export import load_exported
from tfsparse.export.card import read_card
from tfsparse.export.outputs import NUMBERS
from tfsparse.report import accuracy


def part_of(data, split):
    """The part of a data set that `split` names; ValueError if it has none."""
    dataset = getattr(data, split)
    if dataset is None:
        raise ValueError(f"Data set {data.name!r} has no {split} part.")
    return dataset


def predictor(file):
    """A loaded exported file, and the threshold of its single output, a probability unless the card says otherwise."""
    exported = load_exported(file)
    meaning = (read_card(file) or {}).get("outputs", {}).get("meaning")
    return exported, 0.0 if meaning == NUMBERS else 0.5


def file_accuracy(file, data, split, exported, threshold):
    """Accuracy of a file, with what `predictor(file)` gave; ValueError if the data have other classes."""

    def predict(images):
        outputs = exported(_as_taken(data.stored(images), exported.dtype))
        _check_classes(file, outputs, data)
        return outputs

    found = accuracy(predict, part_of(data, split), threshold=threshold)
    if found is None:
        raise ValueError(
            f"{file} gives one number an image, and the labels of {data.name!r} are not all 0 or 1: there is no accuracy. "
            "Give the data set that the network was trained on."
        )
    return found


def _check_classes(file, outputs, data):
    """Raises ValueError if a file has other classes than the data; one output tells two apart, which `accuracy` handles."""
    classes = outputs.shape[-1] if outputs.ndim > 1 else 1
    if classes not in (1, data.num_classes):
        raise ValueError(
            f"{file} tells {classes} classes apart, and {data.name!r} has {data.num_classes}: there is no accuracy. "
            "Give --data the set that the network was trained on, or one with its classes."
        )


def _as_taken(images, dtype):
    """Images of the data's dtype in that of a file, which may have been exported with another `image_dtype`."""
    return np.rint(images).clip(0, 255).astype(dtype) if dtype == np.uint8 else images.astype(dtype)
