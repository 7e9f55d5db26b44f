"""Every entry of AUGMENTATIONS, alone and together."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.ops import stateful_random_ops

from tests.conftest import slow
from tfsparse.data import AUGMENTATIONS, augmentation
from tfsparse.task import Data

random = np.random.default_rng(0)
IMAGES = random.integers(0, 256, (16, 12, 12, 3)).astype(np.uint8)
LABELS = np.arange(16) % 4
SEED = tf.constant([3, 4], tf.int64)


def augmented(text, seed=SEED, images=IMAGES):
    return augmentation(text, 4)(tf.constant(images), tf.constant(LABELS), seed)


@pytest.mark.parametrize(
    "text", [*map(slow, sorted(set(AUGMENTATIONS) - {"none", "randaugment"})), "crop,randaugment(operations=1),cutmix"]
)
def test_an_epoch_depends_on_its_number_alone(text):
    def make():
        return Data.from_arrays(train=(IMAGES, LABELS), batch_size=8, augment=augmentation(text, 4), seed=5)

    unbroken, resumed = list(make().epochs(0, 2)), list(make().epochs(1, 2))
    for (x, y), (x2, y2) in zip(unbroken[2:], resumed, strict=True):
        np.testing.assert_array_equal(x, x2)
        np.testing.assert_array_equal(y, y2)
    pictures = np.concatenate([x for x, _ in unbroken[:2]])
    assert pictures.shape == IMAGES.shape and np.isfinite(pictures).all()
    assert pictures.min() >= 0 and pictures.max() < 255.01
    untouched = sum((image == IMAGES).all(axis=(1, 2, 3)).any() for image in pictures)
    assert untouched < 14


def test_crop_shows_a_window_of_the_padded_image():
    images, labels = augmented("crop(padding=2)")
    np.testing.assert_array_equal(labels, LABELS)
    places = [
        window_in(image, np.pad(old, ((2, 2), (2, 2), (0, 0)))) for image, old in zip(images, IMAGES, strict=True)
    ]
    assert None not in places and len(set(places)) > 5


def window_in(image, padded):
    """Where `image` lies in `padded`, or None."""
    height, width = image.shape[:2]
    spots = np.ndindex(padded.shape[0] - height + 1, padded.shape[1] - width + 1)
    return next((s for s in spots if np.array_equal(padded[s[0] : s[0] + height, s[1] : s[1] + width], image)), None)


def test_flip_mirrors_some():
    images = augmented("flip")[0].numpy()
    same = (images == IMAGES).all(axis=(1, 2, 3))
    mirrored = (images == IMAGES[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (same ^ mirrored).all() and 2 < same.sum() < 14


def test_crop_flip_draws_shift_and_mirror_apart():
    images = augmented("crop_flip(padding=0)")[0].numpy()
    np.testing.assert_array_equal(images, augmented("flip")[0])


@pytest.mark.parametrize("text", ["mixup", "cutmix"])
def test_mixers_mix_labels_as_they_mix_images(text):
    plain = np.eye(4)[LABELS][:, None, None, :].repeat(12, 1).repeat(12, 2).astype(np.float32)  # a channel a class
    images, labels = augmented(text, images=plain)
    assert labels.dtype == tf.float32 and labels.shape == (16, 4)
    np.testing.assert_allclose(np.sum(labels, axis=1), 1, rtol=1e-5)
    shares = np.mean(images, axis=(1, 2))
    np.testing.assert_allclose(shares, labels, atol=1e-5)
    assert len(np.unique(labels)) > 4 and len(np.unique(shares)) > 4


def test_randaugment_draws_for_every_image():
    same = np.broadcast_to(IMAGES[:1], IMAGES.shape)
    images, labels = augmented("randaugment", images=same)
    assert len({image.numpy().tobytes() for image in images}) > 8
    np.testing.assert_array_equal(labels, LABELS)


def test_nothing_of_tensorflow_stays_changed():
    before = tf.random.uniform, tf.random.Generator.uniform
    augmented("mixup")
    assert before == (tf.random.uniform, tf.random.Generator.uniform)


def test_none():
    assert augmentation("none", 4) is None


@pytest.mark.parametrize("text", sorted(set(AUGMENTATIONS) - {"none", "randaugment"}))
def test_any_channels(text):
    for channels in (1, 4):
        images = IMAGES[..., :1].repeat(channels, -1)
        assert next(iter(batches(text, images).train))[0].shape == (8, 12, 12, channels)


@pytest.mark.parametrize("text", sorted(set(AUGMENTATIONS) - {"none"}))
def test_vectors_are_refused(text):
    message = rf"^The augmentation '{text}' takes images .*have the shape \(8, 432\)"
    with pytest.raises(ValueError, match=message):
        batches(text, IMAGES.reshape(16, -1))


@pytest.mark.parametrize("channels", [1, 4])
def test_colours_are_changed_where_there_are_some(channels):
    message = f"^The augmentation 'randaugment' changes colours: .* 3 channels, these have {channels}"
    with pytest.raises(ValueError, match=message):
        batches("crop,randaugment", IMAGES[..., :1].repeat(channels, -1))


def batches(text, images):
    return Data.from_arrays(train=(images, LABELS), batch_size=8, augment=augmentation(text, 4))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("crop_flop", "Did you mean 'crop_flip'"),
        ("mixup(beta=1)", "has no option 'beta'"),
        ("crop(padding=-1)", "padding must be"),
        ("crop(padding=True)", "padding must be"),
        ("cutmix(alpha=0)", r"alpha must be a number in \(0, inf\)"),
        ("mixup(alpha='a')", "alpha must be a number"),
        ("randaugment(magnitude=2)", "magnitude"),
        ("", "names no augmentation, received ''. 'none' leaves"),
        (["crop", "flip"], r"one text with names separated by commas.*received \['crop', 'flip'\]"),
    ],
)
def test_wrong_names_and_options_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        augmentation(text, 4)


@pytest.mark.parametrize("text", ["randaugment(operations=1)", "mixup", "cutmix"])
def test_where_ops_must_be_deterministic(text, monkeypatch):
    """As in every run, unless `--nodeterministic`: TensorFlow refuses to make a global generator there."""
    monkeypatch.setattr(stateful_random_ops, "global_generator", None)
    tf.config.experimental.enable_op_determinism()
    first, second = (augmented(text)[0].numpy() for _ in range(2))
    assert not np.array_equal(first, IMAGES)
    np.testing.assert_array_equal(first, second)
