"""`sample`: 8-bit images come back from normalised ones exactly, everything else stays as the data have it."""

import types

import numpy as np
import pytest

import tfsparse as ts
from tfsparse.export.samples import calibration, eight_bit, sample

RANDOM = np.random.default_rng(0)


def data(images, mean, std):
    normalised = ((images - np.asarray(mean)) / np.asarray(std)).astype("float32")
    batches = [(normalised[i : i + 4], None) for i in range(0, len(images), 4)]
    return types.SimpleNamespace(mean=mean, std=std, test=batches), normalised


def test_gives_8_bit_images_back_exactly():
    pictures = RANDOM.integers(0, 256, (10, 3, 3, 2)).astype("uint8")
    source, normalised = data(pictures, (120.3, 99.9), (63.1, 7.7))
    images, model_images = sample(source, (3, 3, 2), 9, "uint8")
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, pictures[:9])
    np.testing.assert_array_equal(model_images, normalised[:9])


def test_rounds_resized_images_for_both():
    source, _ = data(RANDOM.random((5, 3, 3, 1)) * 255, (100.0,), (50.0,))
    images, model_images = sample(source, (3, 3, 1), 5, "uint8")
    assert images.dtype == np.uint8
    np.testing.assert_allclose(model_images, (images.astype("float32") - 100) / 50, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("low", "high", "std"), [(0, 1, 0.3), (0, 4, 1.2), (-1000, 1000, 500.0), (0, 65535, 9000.0)])
def test_leaves_other_units_as_they_are(low, high, std):
    pictures = RANDOM.uniform(low, high, (5, 3, 3, 1))
    source, normalised = data(pictures, ((low + high) / 2,), (std,))
    images, model_images = sample(source, (3, 3, 1), 5, "float32")
    assert images.dtype == np.float32
    np.testing.assert_allclose(images, pictures, rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(model_images, normalised)


@pytest.mark.parametrize(
    "images", [RANDOM.random((2, 3, 3, 1)), RANDOM.uniform(-1, 1, (2, 3, 3, 1)), np.full((1, 2), 999)]
)
def test_what_is_not_of_8_bits_is_not_rounded(images):
    with pytest.raises(ValueError, match="no 8-bit images"):
        eight_bit(images)


def test_makes_random_images_where_there_are_none():
    source = types.SimpleNamespace(mean=(100.0,), std=(50.0,), test=None)
    images, model_images = sample(source, (4, 4, 1), 3, "uint8")
    assert images.dtype == np.uint8 and images.std() > 50
    np.testing.assert_allclose(model_images, (images.astype("float32") - 100) / 50, rtol=1e-5)
    plain, same = sample(types.SimpleNamespace(), (4, 4, 1), 3, "uint8")  # without mean and std: 0 to 255 as they are
    assert (plain == images).all() and (plain == same).all() and same.dtype == np.float32
    with pytest.raises(ValueError, match="at least 1"):
        sample(source, (4, 4, 1), 0, "uint8")


def test_calibration_images_span_the_type_and_are_not_augmented():
    pictures = RANDOM.integers(50, 60, (12, 4, 4, 3)).astype("uint8")
    blackened = ts.Data.from_arrays(
        train=(pictures, np.arange(12) % 2),
        batch_size=5,
        shuffle=False,
        mean=(50.0,) * 3,
        std=(20.0,) * 3,
        augment=lambda images, labels, seed: (images * 0, labels),
    )
    images = calibration(blackened, (4, 4, 3), 7, "uint8")
    assert images.shape == (7, 4, 4, 3) and images.dtype == np.float32
    assert images[0].ravel()[:2].tolist() == [0, 255]
    np.testing.assert_array_equal(images[1:], pictures[1:7])
    with pytest.raises(ValueError, match="the model takes"):
        calibration(blackened, (5, 5, 3), 7, "uint8")
