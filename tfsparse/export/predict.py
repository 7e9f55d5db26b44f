"""The most probable classes of image files."""

import dataclasses

import numpy as np

from tfsparse.export.card import read_card
from tfsparse.export.formats import load_exported
from tfsparse.export.outputs import NUMBERS
from tfsparse.export.pictures import read_picture


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a network sees in an image file.

    Args:
        path: of the image.
        classes: list of (class name or number, probability), the most probable first.
        probable: whether these are probabilities, of one class of several or of each label; else numbers of the model's own.
        fitted: what was done to the image to make it fit; "" if nothing.
    """

    path: str
    classes: list
    fitted: str
    probable: bool = True


def predict(file, images, *, top=5, white=None):
    """Most probable classes of image files, by an exported network.

    Args:
        file: what `export_model` wrote, of any format.
        images: paths of image files.
        top: how many classes.
        white: for networks of float32 images: the number that stands for white in the data they were trained on.

    Yields:
        `Prediction` for each image. Classes have names if the SavedModel or the card beside the file has them.

    Raises:
        ValueError: `top` below 1; the file or an image cannot be read.
        FileNotFoundError: no such file.
    """
    if top < 1:
        raise ValueError(f"top must be at least 1, got {top}.")
    exported = load_exported(file)
    card = read_card(file) or {}
    names = exported.class_names or card.get("class_names")
    probable = card.get("outputs", {}).get("meaning") != NUMBERS
    for path in images:
        array, fitted = read_picture(path, exported.input_shape, exported.dtype, white)
        probabilities = exported(array[None])[0]
        if names and len(names) != len(probabilities):
            raise ValueError(
                f"{file}, or its card, names {len(names)} classes, and the network gives {len(probabilities)}: mend them."
            )
        best = np.argsort(-probabilities)[:top]
        rows = [(names[i] if names else f"class {i}", float(probabilities[i])) for i in best]
        yield Prediction(str(path), rows, fitted, probable)
