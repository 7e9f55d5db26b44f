"""Small data sets on disk, laid out as the originals are."""

from unittest import mock

import numpy as np
import pytest
from PIL import Image

WNIDS = ("n03", "n01", "n02")


@pytest.fixture(scope="session")
def cifar_dir(tmp_path_factory):
    """A data_dir with a CIFAR-10 of 5,040 training and 20 test images of one colour each, written by TFDS itself."""
    import tensorflow_datasets as tfds

    root = tmp_path_factory.mktemp("cifar")
    folder = root / "source" / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for name, count in [*((f"data_batch_{k}", 1008) for k in range(1, 6)), ("test_batch", 20)]:
        labels = np.arange(count)[:, None] % 10
        colours = random.integers(0, 256, (count, 3)).repeat(32 * 32, axis=1)
        (folder / f"{name}.bin").write_bytes(np.hstack([labels, colours]).astype(np.uint8).tobytes())
    (folder / "batches.meta.txt").write_text("\n".join(f"class{k}" for k in range(10)) + "\n")
    answer = mock.patch.object(tfds.download.DownloadManager, "download_and_extract", return_value=root / "source")
    with answer:
        tfds.builder("cifar10", data_dir=root).download_and_prepare()
    return root


@pytest.fixture
def tiny_dir(tmp_path):
    """A data_dir with, in its manual_dir, a Tiny ImageNet of 3 classes: 20 training and 2 val images each.

    The red of an image is its number, the green its class (by line of wnids.txt).
    """
    root = tmp_path / "downloads" / "manual" / "tiny-imagenet-200"
    (root / "val" / "images").mkdir(parents=True)
    (root / "wnids.txt").write_text("\n".join(WNIDS) + "\n")
    (root / "words.txt").write_text("n01\tcrane, hoist\nn02\tcrane\nn03\tgoldfish, Carassius auratus\nn04\tcat\n")
    lines = []
    for number, wnid in enumerate(WNIDS):
        (root / "train" / wnid / "images").mkdir(parents=True)
        for k in range(20):
            paint(root / "train" / wnid / "images" / f"{wnid}_{k}.JPEG", 10 * k, 100 * number)
        for k in range(2):
            name = f"val_{2 * number + k}.JPEG"
            paint(root / "val" / "images" / name, 10 * k, 100 * number)
            lines.append(f"{name}\t{wnid}\t0\t0\t63\t63\n")
    Image.new("L", (64, 64), 77).save(root / "train" / "n01" / "images" / "n01_5.JPEG")  # the original has grey ones
    (root / "val" / "val_annotations.txt").write_text("".join(lines))
    return tmp_path


def paint(file, red, green):
    Image.new("RGB", (64, 64), (red, green, 128)).save(file, quality=95)
