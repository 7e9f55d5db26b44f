"""Our TFDS builder, on a folder of a few images."""

import shutil
from concurrent import futures

import numpy as np
import pytest

from tests.data_sets.conftest import WNIDS, paint
from tfsparse.data import DATASETS, DatasetCorruptedError, DatasetNotFoundError, load_data, tfds_prepared
from tfsparse.data import tiny_imagenet as module
from tfsparse.data.alone import alone

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
    pack(tiny_dir)
    assert DATASETS["tiny_imagenet"](tiny_dir).sizes["train"] == 54


def pack(data_dir):
    """Puts a zip in the place of the folder of original files."""
    shutil.make_archive(data_dir / MANUAL, "zip", data_dir / "downloads/manual", "tiny-imagenet-200")
    shutil.rmtree(data_dir / MANUAL)


def test_a_part_is_told_at_every_load(tiny_dir, caplog, monkeypatch):
    for _ in range(2):
        caplog.clear()
        DATASETS["tiny_imagenet"](tiny_dir)
        (record,) = [record for record in caplog.records if record.name.startswith("tfsparse")]
        for expected in (
            "54 / 6 / 6",
            "90,000 / 10,000 / 10,000",
            str(tiny_dir / "downloads" / "manual"),
            "--download",
        ):
            assert expected in record.getMessage()
    monkeypatch.setattr(module, "WHOLE", {"train": 54, "validation": 6, "test": 6})
    caplog.clear()
    DATASETS["tiny_imagenet"](tiny_dir, download=True)
    assert not caplog.records


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_more_images_take_the_place_of_a_part(tiny_dir, packed, caplog):
    original = tiny_dir / "all"
    shutil.copytree(tiny_dir / MANUAL, original)
    if packed:
        pack(tiny_dir)
    DATASETS["tiny_imagenet"](tiny_dir)
    for wnid in WNIDS:
        for k in range(20, 30):
            paint(original / "train" / wnid / "images" / f"{wnid}_{k}.JPEG", 0, 0)
    shutil.rmtree(tiny_dir / MANUAL, ignore_errors=True)
    shutil.move(original, tiny_dir / MANUAL)
    if packed:
        pack(tiny_dir)
    images = DATASETS["tiny_imagenet"](tiny_dir)
    assert images.sizes == {"train": 81, "validation": 9, "test": 6} and len(images.read("train")[0]) == 81
    assert [path.name for path in (tiny_dir / "tiny_imagenet").iterdir()] == ["1.0.0"]
    caplog.clear()
    DATASETS["tiny_imagenet"](tiny_dir)
    assert not any("anew" in record.getMessage() for record in caplog.records), "once is enough"


@pytest.mark.parametrize("there", [False, True], ids=["nothing there", "a part there"])
def test_of_two_that_begin_at_once_one_prepares_and_the_other_waits(there, tiny_dir, caplog):
    if there:
        DATASETS["tiny_imagenet"](tiny_dir)
    for wnid in WNIDS:
        paint(tiny_dir / MANUAL / "train" / wnid / "images" / f"{wnid}_20.JPEG", 0, 0)
    caplog.set_level("INFO")
    with futures.ThreadPoolExecutor(2) as threads, alone(tiny_dir, "tiny_imagenet"):
        begun = [threads.submit(DATASETS["tiny_imagenet"], tiny_dir) for _ in range(2)]
        while caplog.text.count("waiting for it") < 2:
            assert not futures.wait(begun, 0.05, futures.FIRST_COMPLETED).done, "one did not wait"
    assert [one.result().sizes["train"] for one in begun] == [57, 57]
    assert caplog.text.count("anew") == there


def test_a_set_that_another_process_has_just_prepared_is_read_anew(tiny_dir, monkeypatch):
    """Described while it was not there, looked for when it was."""
    described = tfds_prepared._described

    def overtaken(make_builder, name):
        builder = described(make_builder, name)
        monkeypatch.setattr(tfds_prepared, "_described", described)
        DATASETS["tiny_imagenet"](tiny_dir)
        return builder

    monkeypatch.setattr(tfds_prepared, "_described", overtaken)
    assert DATASETS["tiny_imagenet"](tiny_dir).sizes["train"] == 54


def test_a_download_takes_the_place_of_a_part_and_a_failed_one_does_not(tiny_dir, monkeypatch):
    import tensorflow_datasets as tfds

    def fail(*args, **kwargs):
        raise ConnectionError("no route")

    manager = tfds.download.DownloadManager
    DATASETS["tiny_imagenet"](tiny_dir)
    (tiny_dir / MANUAL).rename(tiny_dir / "tiny-imagenet-200")
    monkeypatch.setattr(manager, "download_and_extract", fail)
    with pytest.raises(DatasetNotFoundError, match="no route"):
        DATASETS["tiny_imagenet"](tiny_dir, download=True)
    assert DATASETS["tiny_imagenet"](tiny_dir).sizes["train"] == 54
    for wnid in WNIDS:
        paint(tiny_dir / "tiny-imagenet-200" / "train" / wnid / "images" / f"{wnid}_20.JPEG", 0, 0)
    monkeypatch.setattr(manager, "download_and_extract", lambda *args: tiny_dir)
    assert DATASETS["tiny_imagenet"](tiny_dir, download=True).sizes["train"] == 57


@pytest.mark.parametrize("ended", [False, True])
def test_a_preparation_that_was_killed_loses_no_part(tiny_dir, ended):
    """Killed before the new one had its name, or after it."""
    DATASETS["tiny_imagenet"](tiny_dir)
    part = tiny_dir / "tiny_imagenet" / "1.0.0"
    (shutil.copytree if ended else shutil.move)(part, part.with_name("before.1.0.0"))
    (tiny_dir / MANUAL).rename(tiny_dir / "elsewhere")  # so that it is not prepared once more
    assert DATASETS["tiny_imagenet"](tiny_dir).sizes["train"] == 54
    assert [path.name for path in part.parent.iterdir()] == ["1.0.0"]


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
