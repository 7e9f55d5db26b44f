"""`load_data` and the sets that TFDS or scikit-learn bring."""

import os
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import slow
from tfsparse.data import DATASETS, DatasetCorruptedError, DatasetNotFoundError, load_data

SHARED = pathlib.Path(os.environ.get("TFDS_DATA_DIR", pathlib.Path.home() / "tensorflow_datasets"))


def test_digits():
    data = load_data("digits", batch_size=100)
    assert (data.input_shape, data.num_classes, data.steps_per_epoch) == ((32, 32, 3), 10, 12)
    sizes = [sum(len(y) for _, y in dataset) for dataset in (data.validation, data.test)]
    assert sizes == [200, 300] and DATASETS["digits"]().sizes["train"] == 1297
    images, labels = DATASETS["digits"]().read("train")
    counts = np.bincount(labels)
    assert images.dtype == np.uint8 and images.max() == 255 and counts.max() - counts.min() <= 8
    assert data.mean[0] == pytest.approx(images.mean(), abs=0.01)
    assert data.std[0] == pytest.approx(images.std(), abs=0.01)


def test_the_split_does_not_depend_on_the_seed():
    first, second = (next(iter(load_data("digits", seed=seed).test)) for seed in (0, 1))
    np.testing.assert_array_equal(first[0], second[0])


def test_digits_are_never_mirrored_by_default():
    data, plain = load_data("digits", seed=1), load_data("digits", seed=1, augment="crop(padding=4)")
    np.testing.assert_array_equal(next(iter(data.epochs(0, 1)))[0], next(iter(plain.epochs(0, 1)))[0])


@pytest.mark.parametrize("name", ["digits", "cifar10"], ids=["decoded", "encoded"])
def test_global_batches_are_the_same_on_two_replicas(strategy, name, cifar_dir):
    data = load_data(name, batch_size=16, data_dir=cifar_dir, memory=0)
    for (x, y), (x2, y2) in zip(
        data.epochs(0, 1), strategy.experimental_distribute_dataset(data.epochs(0, 1)), strict=True
    ):
        np.testing.assert_array_equal(x, np.concatenate(strategy.experimental_local_results(x2)))
        np.testing.assert_array_equal(y, np.concatenate(strategy.experimental_local_results(y2)))


def test_cifar_splits(cifar_dir):
    data = load_data("cifar10", batch_size=8, data_dir=cifar_dir)
    assert (data.steps_per_epoch, data.num_classes, data.class_names[3]) == (5, 10, "class3")
    assert [sum(len(y) for _, y in dataset) for dataset in (data.validation, data.test)] == [5000, 20]
    images = DATASETS["cifar10"](cifar_dir)
    stored = np.concatenate([images.read(split)[0] for split in ("validation", "train")])
    assert stored.shape == (5040, 32, 32, 3) and len(np.unique(stored[:, 0, 0], axis=0)) > 5000


@pytest.mark.parametrize("memory", [None, 0], ids=["decoded", "encoded"])
def test_the_first_of_cifars_training_images(cifar_dir, memory):
    data = load_data("cifar10(train=16)", batch_size=8, data_dir=cifar_dir, memory=memory)
    assert data.image_dtype == "uint8"
    assert data.steps_per_epoch == 2 and sum(len(y) for _, y in data.validation) == 5000
    some, whole = (DATASETS["cifar10"](cifar_dir, train=train).read("train")[0] for train in (16, 40))
    np.testing.assert_array_equal(some, whole[:16])


@pytest.mark.parametrize("train", [0, 41, 2.5, True])
def test_a_part_has_at_least_one_image_and_no_more_than_there_are(cifar_dir, train):
    with pytest.raises(ValueError, match=f"from 1 to 40; received {train}"):
        load_data(f"cifar10(train={train})", data_dir=cifar_dir)


@pytest.mark.parametrize("memory", [0, slow((5040 + 20) * 32 * 32 * 3 - 1)])
def test_batches_do_not_depend_on_memory(cifar_dir, memory):
    options = {"batch_size": 8, "data_dir": cifar_dir, "augment": "crop,mixup"}
    plenty, short = load_data("cifar10", **options), load_data("cifar10", **options, memory=memory)
    tf.random.set_seed(5)  # the seed of the whole program has no say
    assert repr(plenty) == repr(short) and plenty.train.element_spec == short.train.element_spec
    unbroken = list(plenty.epochs(0, 3))
    parts = [(plenty.scoring(2), short.scoring(2)), (plenty.validation, short.validation), (plenty.test, short.test)]
    for one, other in [(unbroken, short.epochs(0, 3)), (unbroken[10:], short.epochs(2, 3)), *parts]:
        for (x, y), (x2, y2) in zip(one, other, strict=True):
            np.testing.assert_array_equal(x, x2)
            np.testing.assert_array_equal(y, y2)
    assert not np.array_equal(unbroken[0][1], unbroken[5][1])
    assert not np.array_equal(next(iter(short.train))[1], next(iter(short.train))[1])
    with pytest.raises(ValueError, match="the training set has 40 images"):
        load_data("cifar10", batch_size=50, data_dir=cifar_dir, memory=0)


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "tiny_imagenet"])
def test_missing_set_says_the_command(name, tmp_path):
    command = f"python scripts/train.py --flagfile=configs/{name}.flags --download"
    with pytest.raises(DatasetNotFoundError, match=command) as error:
        load_data(name, data_dir=tmp_path)
    assert str(tmp_path) in str(error.value)
    assert ("manual" in str(error.value)) == (name == "tiny_imagenet")


def test_failed_download_says_why(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    def fail(*args, **kwargs):
        raise ConnectionError("no route")

    monkeypatch.setattr(tfds.download.DownloadManager, "download_and_extract", fail)
    with pytest.raises(DatasetNotFoundError, match="cifar10 could not be fetched .*no route"):
        load_data("cifar10", data_dir=tmp_path, download=True)


@pytest.mark.parametrize("memory", [None, 0], ids=["decoded", "encoded"])
@pytest.mark.parametrize("damage", ["cut", "changed", "gone", "description"])
def test_damaged_records_name_the_folder(cifar_dir, tmp_path, damage, memory):
    shutil.copytree(cifar_dir / "cifar10", tmp_path / "cifar10")
    (records,) = tmp_path.glob("cifar10/*/cifar10-train*")
    content = records.read_bytes()
    if damage == "cut":
        records.write_bytes(content[: len(content) // 2])
    elif damage == "changed":
        records.write_bytes(content[:5000] + b"?" + content[5001:])
    elif damage == "gone":
        records.unlink()
    else:
        (records.parent / "dataset_info.json").write_text("{")
    with pytest.raises(DatasetCorruptedError, match=r"[Dd]elete .*folder"):
        load_data("cifar10", batch_size=8, data_dir=tmp_path, memory=memory)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "cifar"}, "Unknown data set 'cifar'"),
        ({"name": "digits(size=3)"}, "has no option 'size'"),
        ({"name": "tiny-imagenet"}, "Unknown data set 'tiny-imagenet'. Did you mean 'tiny_imagenet'"),
        ({"name": "tiny-imagenet(train=5)"}, "Did you mean 'tiny_imagenet'"),
        ({"name": "cifar10(train=5"}, "expected a name or a call"),
        ({"name": "digits", "seed": None}, "seed must be a whole number of at least 0, received None"),
        ({"name": "digits", "augment": "crop_flop"}, "Unknown augmentation"),
        ({"name": "digits", "augment": ""}, "names no augmentation"),
        ({"name": "digits", "augment": ["crop", "flip"]}, "one text with names"),
        ({"name": "digits", "batch_size": 1298}, "batch_size is 1298, the training set has 1297"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_data(**arguments)


@pytest.mark.skipif(not (SHARED / "cifar10").is_dir(), reason=f"no CIFAR-10 in {SHARED}")
def test_real_cifar10():
    images = DATASETS["cifar10"]()
    assert images.sizes == {"train": 45000, "validation": 5000, "test": 10000}
    pixels, labels = images.read("test")
    assert np.bincount(labels).tolist() == 10 * [1000]
    np.testing.assert_allclose(pixels.mean((0, 1, 2)), images.mean, atol=1.5)
