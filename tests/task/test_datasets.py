"""`Data.from_datasets`: the user's own tf.data."""

import numpy as np
import pytest
import tensorflow as tf

from tfsparse.task import Data

IMAGES = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1)
LABELS = np.arange(10) % 3
SINGLE = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))
TRAIN = SINGLE.batch(4)
VECTORS = TRAIN.map(lambda images, labels: (images, tf.one_hot(labels, 3)))


def pixels(dataset):
    return [images.numpy().ravel().tolist() for images, _ in dataset]


def test_everything_is_learned_from_the_batches():
    data = Data.from_datasets(train=TRAIN, validation=TRAIN.take(1), mean=1, std=2)
    assert (data.input_shape, data.num_classes, data.batch_size, data.steps_per_epoch) == ((1, 1, 1), 3, 4, 3)
    assert pixels(data.train)[0] == pixels(data.validation)[0] == [-0.5, 0.0, 0.5, 1.0]
    assert pixels(data.scoring(2)) == pixels(data.train)[:2]
    assert data.image_dtype == "uint8"
    floats = TRAIN.map(lambda images, labels: (tf.cast(images, tf.float32), labels))
    assert Data.from_datasets(train=TRAIN, test=floats).image_dtype == "float32"
    assert data.test is None and data.train.element_spec[0].dtype == tf.float32


@pytest.mark.parametrize("policy", ["OFF", "AUTO"])
def test_a_pipeline_that_is_cut_already_is_named(policy, caplog):
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = getattr(tf.data.experimental.AutoShardPolicy, policy)
    Data.from_datasets(train=TRAIN.with_options(options))
    assert ("without `shard`" in caplog.text) is (policy == "OFF")


def test_unknown_length_is_counted():
    filtered = SINGLE.filter(lambda image, label: label < 2).batch(4)
    data = Data.from_datasets(train=filtered)
    assert (data.steps_per_epoch, data.num_classes) == (2, 2)


def test_what_is_evaluated_is_counted():
    """Keras asks for the length of a validation set at the end of an epoch, before its checkpoint is written."""
    filtered = SINGLE.filter(lambda image, label: label < 2).batch(4)
    data = Data.from_datasets(train=TRAIN, validation=filtered, test=TRAIN)
    assert (int(data.validation.cardinality()), int(data.test.cardinality())) == (2, 3)


def test_classes_that_only_validation_or_test_have():
    more, most = (SINGLE.take(5).map(lambda image, label, n=n: (image, label + n)).batch(4) for n in (2, 5))
    assert Data.from_datasets(train=TRAIN, validation=more, test=most).num_classes == 8
    soft = Data.from_datasets(train=VECTORS, validation=TRAIN)
    assert soft.num_classes == 3 and soft.validation.element_spec[1].shape[1] == 3


def test_labels_in_columns_are_class_numbers():
    """Keras' own data sets come with labels (n, 1)."""
    columns = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS[:, None])).batch(4)
    data = Data.from_datasets(train=columns, validation=columns)
    assert data.num_classes == 3
    assert [labels.numpy().tolist() for _, labels in data.validation.take(1)] == [[0, 1, 2, 0]]


def test_resumed_epochs_equal_unbroken_ones():
    def make():
        return Data.from_datasets(train=SINGLE.shuffle(10, seed=1).batch(4))

    unbroken, resumed = pixels(make().epochs(0, 4)), pixels(make().epochs(2, 4))
    assert unbroken[6:] == resumed and unbroken[:3] != unbroken[3:6]


def test_an_epoch_may_be_longer_than_the_dataset():
    data = Data.from_datasets(train=TRAIN, steps_per_epoch=5)
    assert pixels(data.scoring(5)) == pixels(data.train) == pixels(data.epochs(0, 1)) and len(pixels(data.train)) == 5


def test_endless_stream_with_steps():
    data = Data.from_datasets(train=SINGLE.repeat().batch(4), steps_per_epoch=2, num_classes=3)
    assert len(pixels(data.train)) == 2
    assert pixels(data.epochs(1, 2)) == [[8, 9, 0, 1], [2, 3, 4, 5]]


def test_unknown_shapes_are_looked_up_in_one_batch():
    loose = tf.data.Dataset.from_generator(
        lambda: iter(TRAIN), output_signature=(tf.TensorSpec((None,) * 4, tf.uint8), tf.TensorSpec((None,), tf.int64))
    )
    data = Data.from_datasets(train=loose, steps_per_epoch=3, num_classes=3)
    assert (data.input_shape, data.batch_size) == ((1, 1, 1), 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"train": (IMAGES, LABELS)}, "Arrays go to from_arrays"),
        ({"train": None}, "received NoneType"),
        ({"train": SINGLE}, r"Batch it: dataset.batch\(128\)"),
        ({"train": TRAIN.map(lambda x, y: x)}, "must give pairs"),
        (
            {"train": TRAIN.map(lambda x, y: (x, y, y))},
            "must give pairs .*Weights of images are for a `fit` of your own",
        ),
        ({"train": SINGLE.map(lambda x, y: (tf.as_string(y), y)).batch(2)}, "must be numbers, received text: map it"),
        ({"train": TRAIN.map(lambda x, y: (tf.as_string(x), y))}, "must be numbers, received text: map it"),
        ({"train": TRAIN.repeat()}, "steps_per_epoch"),
        ({"train": TRAIN.take(0)}, "train is empty"),
        ({"train": TRAIN.filter(lambda x, y: False)}, "train is empty"),
        (
            {"train": TRAIN.map(lambda x, y: (x, tf.cast(y, tf.float32)))},
            "must be whole numbers, received float32. .* num_classes=1",
        ),
        ({"train": TRAIN.map(lambda x, y: (x, y - 1))}, "must be 0 or more, received -1"),
        ({"train": TRAIN.map(lambda x, y: (tf.cast(x, tf.float32) / 0.0, y))}, "Batch 0 of train holds NaN"),
        ({"num_classes": 2}, "reach 2; with num_classes=2"),
        (
            {"train": SINGLE.map(lambda x, y: (x, tf.one_hot(y, 3, dtype=tf.int64)))},
            "1 images and 3 labels.*no batches yet",
        ),
        (
            {"train": TRAIN.map(lambda x, y: (x, tf.zeros((tf.shape(y)[0], 2, 2, 3))))},
            "do not say how many classes there are",
        ),
        ({"validation": TRAIN.repeat()}, "validation never ends"),
        ({"test": TRAIN.map(lambda x, y: (tf.repeat(x, 2, 1), y))}, "images of test have the shape"),
        ({"test": TRAIN.map(lambda x, y: (x, tf.one_hot(y, 5)))}, "vectors over 5 classes, num_classes is 3"),
        ({"validation": TRAIN.take(0)}, "validation is empty"),
        ({"test": TRAIN.filter(lambda x, y: False)}, "test is empty"),
        ({"steps_per_epoch": 0}, "steps_per_epoch must be a whole number"),
        ({"validation": TRAIN.map(lambda x, y: (x, y - 1))}, "labels of validation must be 0 or more, received -1"),
        ({"test": TRAIN.map(lambda x, y: (x, y + 7)), "num_classes": 3}, "labels of test reach 9; .* end at 2"),
        ({"train": VECTORS, "validation": TRAIN.map(lambda x, y: (x, y + 7))}, "validation reach 9; .* end at 2"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Data.from_datasets(**{"train": TRAIN, **arguments})


def test_labels_of_unknown_width_are_not_taken_for_one_class():
    signature = (tf.TensorSpec((None,) * 4, tf.uint8), tf.TensorSpec((None, None), tf.int64))
    loose = tf.data.Dataset.from_generator(lambda: ((x, y[:, None]) for x, y in TRAIN), output_signature=signature)
    with pytest.raises(ValueError, match=r"do not say how many classes .* of shape \(n,\)"):
        Data.from_datasets(train=loose)
    assert Data.from_datasets(train=loose, num_classes=1).num_classes == 1


def test_labels_of_pixels_may_be_ignored():
    """By a loss with `ignore_class`, which data know nothing of; masks of one output are of any type."""
    pixels = TRAIN.map(lambda x, y: (x, tf.where(tf.cast(x, tf.int64) == 0, tf.constant(255, tf.int64), y[0])))
    assert Data.from_datasets(train=pixels, validation=pixels, num_classes=3).num_classes == 3
    masks = TRAIN.map(lambda x, y: (x, tf.ones_like(x, tf.float32)))
    assert Data.from_datasets(train=masks, num_classes=1).num_classes == 1
    assert Data.from_datasets(train=masks).num_classes == 2, "whole numbers, though floats"


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int64"])
def test_class_numbers_beside_vectors(dtype):
    """They become vectors as well; one out of range would become a vector of zeros, which no loss counts."""
    numbers = TRAIN.map(lambda images, labels: (images, tf.cast(labels, dtype)))
    options = {"num_classes": 3, "steps_per_epoch": 3, "validation": VECTORS}
    assert [y.shape[1] for _, y in Data.from_datasets(train=numbers, **options).train] == [3, 3, 3]
    late = numbers.map(lambda images, labels: (images, labels + tf.cast(images[0, 0, 0, 0] == 4, dtype)))  # 1, 2, 3, 2
    with pytest.raises(tf.errors.InvalidArgumentError, match="Class numbers must be from 0 to 2: num_classes=3"):
        list(Data.from_datasets(train=late, **options).train)
