import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsparse import train
from tfsparse.data import augmentation
from tfsparse.task import Data, Task


def numbered(count, shape=(2, 2, 1)):
    """Images whose pixels say which image it is, and their numbers as labels."""
    images = np.broadcast_to(np.arange(count).reshape(-1, 1, 1, 1), (count, *shape)).astype(np.uint8)
    return images, np.arange(count)


def labels_of(dataset):
    return [labels.numpy().tolist() for _, labels in dataset]


def noise(images, labels, seed):
    return tf.random.stateless_uniform(tf.shape(images), seed), labels


def test_images_and_labels_stay_together_and_are_normalised():
    data = Data.from_arrays(train=numbered(20), batch_size=4, mean=10, std=2)
    images, labels = next(iter(data.train))
    assert images.dtype == tf.float32 and labels.dtype == tf.int64
    np.testing.assert_allclose(images[:, 0, 0, 0], (labels.numpy() - 10) / 2)
    assert data.mean == (10.0,) and data.std == (2.0,)


def test_what_the_images_were_is_known_and_given_back():
    eight_bit, labels = numbered(4)
    wide = eight_bit.astype("float32") / 7
    for images, dtype in ((eight_bit, "uint8"), (wide, "float32")):
        data = Data.from_arrays(train=(images, labels), batch_size=4, shuffle=False, mean=2.7, std=1.3)
        assert data.image_dtype == dtype == data.stored(next(iter(data.train))[0]).dtype
        np.testing.assert_allclose(data.stored(next(iter(data.train))[0]), images, rtol=1e-6)
    mixed = Data.from_arrays(train=(eight_bit, labels), test=(wide, labels), batch_size=4)
    assert mixed.image_dtype == "float32"


def test_given_order_is_kept_to_the_last_partial_batch():
    data = Data.from_arrays(train=numbered(5), validation=numbered(3), test=numbered(5), batch_size=2, shuffle=False)
    assert labels_of(data.train) == labels_of(data.scoring(3)) == labels_of(data.test) == [[0, 1], [2, 3], [4]]
    assert labels_of(data.epochs(1, 3)) == 2 * [[0, 1], [2, 3], [4]]
    assert labels_of(data.validation) == [[0, 1], [2]]
    assert data.steps_per_epoch == len(data.train) == 3


def test_shuffled_epochs_differ_and_drop_the_partial_batch():
    data = Data.from_arrays(train=numbered(50), batch_size=8)
    first, second = labels_of(data.train), labels_of(data.train)
    assert first != second and len(first) == data.steps_per_epoch == 6
    assert len({label for batch in first for label in batch}) == 48
    assert data.train.element_spec[0].shape == (8, 2, 2, 1)


def test_resumed_epochs_equal_unbroken_ones():
    data, twin = (Data.from_arrays(train=numbered(30), batch_size=4, augment=noise, seed=7) for _ in range(2))
    unbroken, resumed = list(data.epochs(0, 4)), list(twin.epochs(2, 4))
    for (x, y), (x2, y2) in zip(unbroken[2 * data.steps_per_epoch :], resumed, strict=True):
        np.testing.assert_array_equal(x, x2)
        np.testing.assert_array_equal(y, y2)
    assert not np.array_equal(unbroken[0][0], unbroken[1][0])
    other = Data.from_arrays(train=numbered(30), batch_size=4, seed=8)
    assert labels_of(other.epochs(0, 1)) != labels_of(data.epochs(0, 1))
    assert labels_of(data.epochs(2, 2)) == []


def test_scoring_is_epoch_0_without_augmentation():
    data = Data.from_arrays(train=numbered(30), batch_size=4, augment=noise)
    assert labels_of(data.scoring(3)) == labels_of(data.scoring(3)) == labels_of(data.epochs(0, 1))[:3]
    images, labels = next(iter(data.scoring(1)))
    np.testing.assert_array_equal(images[:, 0, 0, 0], labels)
    for batches in (0, 8):
        with pytest.raises(ValueError, match="the training set of 'data' has 7"):
            data.scoring(batches)


def test_validation_and_test_are_never_augmented():
    data = Data.from_arrays(train=numbered(8), validation=numbered(8), test=numbered(8), batch_size=4, augment=noise)
    for dataset in (data.validation, data.test):
        images, labels = next(iter(dataset))
        np.testing.assert_array_equal(images[:, 0, 0, 0], labels)


def test_labels_have_one_form_in_all_sets():
    def soften(images, labels, seed):
        return images, tf.one_hot(labels, 8)

    data = Data.from_arrays(train=numbered(8), validation=numbered(4), test=numbered(4), batch_size=4, augment=soften)
    for dataset in (data.train, data.validation, data.test, data.scoring(1)):
        assert dataset.element_spec[1].shape[1:] == (8,)


def test_forms_that_are_accepted():
    images, labels = numbered(6)
    one_hot = Data.from_arrays(train=(images, np.eye(6)), batch_size=2)
    column = Data.from_arrays(train=(images.astype(float), labels[:, None]), batch_size=2)
    vectors = Data.from_arrays(train=(images.reshape(6, 4), labels.astype(np.uint8)), batch_size=2, num_classes=9)
    assert one_hot.num_classes == column.num_classes == 6 and vectors.num_classes == 9
    assert vectors.input_shape == (4,) and one_hot.train.element_spec[1].shape == (2, 6)


X, Y = numbered(6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 7}, "batch_size is 7, the training set has 6 images"),
        ({"batch_size": 0}, "batch_size must be a whole number"),
        ({"seed": None}, "seed must be a whole number of at least 0, received None"),
        ({"seed": 0.5}, "seed must be a whole number of at least 0, received 0.5"),
        ({"seed": -1}, "seed must be a whole number of at least 0, received -1"),
        ({"train": None}, "received None"),
        ({"train": X}, "must be a pair"),
        ({"train": (X, Y[:5])}, "6 images and 5 labels"),
        ({"train": (X[:0], Y[:0])}, "train is empty"),
        ({"train": (X[..., 0], Y)}, r"channel axis: images\[..., None\]"),
        ({"train": (X.astype(str), Y)}, "must be numbers"),
        ({"train": (np.where(X == 3, np.nan, X), Y)}, "Image 3 of train holds NaN"),
        ({"train": (X, Y - 1)}, "must be 0 or more, received -1"),
        ({"train": (X, Y * 0.5)}, "must be whole numbers .* that one output shall give, num_classes=1"),
        ({"train": (X, np.eye(6) * 2)}, "Label 0 of train must be 0 or more and sum to 1, .* go to Data.from_datasets"),
        ({"num_classes": 1, "train": (X, np.full(6, np.nan))}, "labels of train hold NaN or infinity"),
        ({"num_classes": 1, "train": (X, np.eye(6))}, r"must be numbers \(n,\) or \(n, 1\), received shape \(6, 6\)"),
        ({"num_classes": 4}, "reach 5; with num_classes=4 they end at 3"),
        ({"num_classes": 0}, "num_classes must be"),
        ({"num_classes": "a"}, "num_classes must be a whole number of at least 1, received 'a'"),
        ({"test": (X[:, :1], Y)}, "images of test have the shape"),
        ({"test": (X, np.eye(6)), "num_classes": 7}, "vectors over 6 classes, num_classes is 7"),
        ({"mean": 1.0}, "mean and std go together"),
        ({"mean": 1.0, "std": 0.0}, "std must be one number or 1, finite and above 0"),
        ({"augment": "crop_flip"}, r"tfsparse.data.augmentation\('crop_flip', num_classes\)"),
        ({"augment": augmentation("mixup", 5)}, "augment gives labels over 5 classes, the data have 6"),
        ({"seed": 2**63}, "seed must be a whole number"),
        ({"class_names": ["a"]}, "must name all 6 classes, received 1"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Data.from_arrays(**{"train": (X, Y), "batch_size": 2, **arguments})


@pytest.mark.parametrize("span", [(-1, 2), (2, 1)])
def test_epochs_backwards_are_refused(span):
    with pytest.raises(ValueError, match="0 <= start <= stop"):
        Data.from_arrays(train=(X, Y), batch_size=2).epochs(*span)


def test_one_output_takes_its_labels_as_they_are():
    heights = np.array([1.5, -2.0, 0.25, 7.0])
    for labels in (heights, heights[:, None]):
        data = Data.from_arrays(train=(np.zeros((4, 2, 2, 1)), labels), batch_size=4, shuffle=False, num_classes=1)
        given = next(iter(data.train))[1]
        assert given.dtype == tf.float32 and given.numpy().tolist() == heights[:, None].tolist()
    model = keras.Sequential([keras.layers.Flatten(input_shape=(2, 2, 1)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="cross-entropy over one class is always 0. Give the task a loss"):
        Task(data).loss_for(model)
    history = train(model, Task(data, epochs=2, loss=keras.losses.MeanSquaredError()), None, recipe="none")
    # Images of 0 and a bias of 0: the first loss is that of saying 0.
    assert history.history["loss"][0] == pytest.approx(np.mean(heights**2), rel=1e-5)


def test_class_names_that_are_numbers_are_texts():
    data = Data.from_arrays(train=numbered(4), batch_size=4, class_names=np.arange(4))
    assert data.class_names == ("0", "1", "2", "3")
