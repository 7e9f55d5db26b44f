"""Scikit-learn's handwritten digits: 1,797 real images of 8x8 pixels, no download."""

import numpy as np

from tfsparse.data.image_set import ImageSet

# Of the 1,297 training images, computed by
#   python -c "from tfsparse.data.digits import digits; x, _ = digits().read('train'); print(x.mean(), x.std())"
MEAN, STD = 77.9494, 95.9419


def digits(data_dir=None, download=False):
    """The digits as 32x32x3 images, every pixel a square of 4x4; 1,297 to train, 200 to validate, 300 to test.

    The split is stratified and always the same. Augmented by `crop` alone: a mirrored digit is another sign.
    """
    splits = _splits()
    return ImageSet(
        name="digits",
        shape=(32, 32, 3),
        sizes={split: len(labels) for split, (_, labels) in splits.items()},
        read=splits.__getitem__,
        mean=(MEAN,) * 3,
        std=(STD,) * 3,
        class_names=tuple("0123456789"),
        augment="crop",
    )


def _splits():
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    images = np.rint(images.reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)
    images = images.repeat(4, axis=1).repeat(4, axis=2).repeat(3, axis=3)
    labels = labels.astype(np.int64)
    rest, test, rest_labels, test_labels = train_test_split(
        images, labels, test_size=300, stratify=labels, random_state=0
    )
    train, validation, train_labels, validation_labels = train_test_split(
        rest, rest_labels, test_size=200, stratify=rest_labels, random_state=0
    )
    return {
        "train": (train, train_labels),
        "validation": (validation, validation_labels),
        "test": (test, test_labels),
    }
