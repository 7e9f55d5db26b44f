"""How far a file may be from its model, whatever its outputs mean."""

import numpy as np
import pytest

from tfsparse.export.compare import EXACT, compare
from tfsparse.export.outputs import CLASSES, LABELS, NUMBERS
from tfsparse.export.result import ExportError
from tfsparse.export.tflite import TOLERANCES

IMAGES = np.zeros((64, 1))
LABEL = np.random.default_rng(0).uniform(0.02, 0.98, (64, 1))


def found(file, expected, meaning, dtype="int8"):
    return compare(lambda _: file, IMAGES, expected, TOLERANCES[dtype], meaning)


def test_a_label_is_judged_as_two_classes_are():
    file = LABEL + np.resize([0.1, -0.1], LABEL.shape)
    both = [np.concatenate([1 - array, array], 1) for array in (file, LABEL)]
    assert found(file, LABEL, LABELS) == pytest.approx(found(*both, CLASSES)) == (0.1, 0.1)
    with pytest.raises(ExportError, match=r"probabilities of labels.*in the mean of 64 images 2\.\d*e-01; at most"):
        found(np.full_like(LABEL, 0.5), LABEL, LABELS)


def test_a_file_that_tells_nothing_apart_is_no_export():
    """It moved few: the rare label was found nowhere, and was accepted."""
    rare = np.where(np.arange(64)[:, None] < 6, 0.9, 0.01)
    classes = np.concatenate([1 - rare, rare], 1)
    numbers = 300 + 5 * rare
    for expected, meaning in ((rare, LABELS), (classes, CLASSES), (numbers * [[1.0]] + 9 * rare, NUMBERS)):
        with pytest.raises(ExportError, match="are the same for all 64 images, the Keras model's are not"):
            found(np.zeros_like(expected) + expected[-1], expected, meaning)
        found(expected.round(2), expected, meaning)
    found(np.full_like(LABEL, 0.5), 0.5 + 0.01 * LABEL, LABELS)  # an untrained network's are next to the same


@pytest.mark.parametrize("scale", [0.3, 30])
def test_numbers_are_judged_by_their_own_size(scale):
    numbers = np.resize([scale, -scale], (64, 1))
    assert found(numbers * 1.1, numbers, NUMBERS) == pytest.approx((0.1, 0.1))
    with pytest.raises(ExportError, match="numbers of the model's own"):
        found(np.zeros_like(numbers), numbers, NUMBERS)


def test_an_image_whose_number_is_zero_is_judged_by_the_others():
    numbers = np.concatenate([np.zeros((1, 1)), np.full((63, 1), 5.0)])
    compare(lambda _: numbers + 1e-4, IMAGES, numbers, EXACT, NUMBERS)


def test_rounding_of_numbers_that_cancel_is_no_difference():
    numbers = np.full((64, 1), 1e-6)
    compare(lambda _: numbers + 5e-7, IMAGES, numbers, EXACT, NUMBERS)
