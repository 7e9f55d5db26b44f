"""Our TFDS builder, on a folder of a few images."""

import shutil

import numpy as np
import pytest

from tfsparse.data import DATASETS, DatasetCorruptedError, DatasetNotFoundError, load_data

MANUAL = "downloads/manual/tiny-imagenet-200"


def reds(images):
    return sorted(np.rint(images[:, 0, 0, 0] / 10).astype(int).tolist())


def test_splits_and_names(tiny_dir):
    images = DATASETS["tiny_imagenet"](tiny_dir)
    assert images.sizes == {"train": 54, "validation": 6, "test": 6}
    assert images.class_names == ("goldfish", "crane (n01)", "crane (n02)")
    for split in images.sizes:
        pixels, labels = images.read(split)
        colour = np.ptp(pixels[:, 0, 0].astype(int), axis=1) > 0  # the grey one tells no class
        assert np.abs(pixels[colour, 0, 0, 1] - 100.0 * labels[colour]).max() <= 3
        assert np.bincount(labels).tolist() == [len(labels) // 3] * 3
    assert reds(images.read("validation")[0]) == [18, 18, 18, 19, 19, 19]  # the last tenth of each class by number


def test_data_and_second_reading_without_the_files(tiny_dir):
    load_data("tiny_imagenet", batch_size=8, data_dir=tiny_dir)
    shutil.rmtree(tiny_dir / "downloads")
    data = load_data("tiny_imagenet", batch_size=8, data_dir=tiny_dir)
    assert (data.input_shape, data.num_classes, data.steps_per_epoch) == ((64, 64, 3), 3, 6)
    assert next(iter(data.train))[0].shape == (8, 64, 64, 3)


def test_zip(tiny_dir):
    shutil.make_archive(tiny_dir / MANUAL, "zip", tiny_dir / "downloads/manual", "tiny-imagenet-200")
    shutil.rmtree(tiny_dir / MANUAL)
    assert DATASETS["tiny_imagenet"](tiny_dir).sizes["train"] == 54


@pytest.mark.parametrize("content", [b"", b"not a picture", "half"])
def test_damaged_image_is_named(tiny_dir, content):
    file = tiny_dir / MANUAL / "train/n02/images/n02_7.JPEG"
    file.write_bytes(file.read_bytes()[:400] if content == "half" else content)
    with pytest.raises(DatasetCorruptedError, match=r"n02_7\.JPEG cannot be read"):
        load_data("tiny_imagenet", data_dir=tiny_dir)


def test_missing_files_are_named(tiny_dir):
    (tiny_dir / MANUAL / "words.txt").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"words\.txt is missing"):
        load_data("tiny_imagenet", data_dir=tiny_dir)
