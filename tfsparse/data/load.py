"""`load_data`: a known data set, ready to train on."""

from tfsparse.data.augmentation import augmentation
from tfsparse.data.cifar import cifar10, cifar100
from tfsparse.data.digits import digits
from tfsparse.data.memory import available_memory
from tfsparse.data.streaming import streamed_data
from tfsparse.data.tiny_imagenet import tiny_imagenet
from tfsparse.registry import resolve
from tfsparse.task import Data

DATASETS = {"digits": digits, "cifar10": cifar10, "cifar100": cifar100, "tiny_imagenet": tiny_imagenet}


def load_data(name, *, batch_size=128, seed=0, augment=None, data_dir=None, download=False, memory=None):
    """Reads a known data set: training images shuffled and augmented, validation and test images neither.

    Args:
        name: `"digits"` (comes with scikit-learn), `"cifar10"`, `"cifar100"` or `"tiny_imagenet"`.
        batch_size: images a batch.
        seed: decides order and augmentation, together with the number of the epoch; the splits never depend on it.
        augment: names from `AUGMENTATIONS`, such as `"crop_flip,mixup(alpha=0.2)"` or `"none"`;
            None or `"default"`: what suits the set.
        data_dir: where TFDS keeps its data; None: the environment variable TFDS_DATA_DIR, or ~/tensorflow_datasets.
        download: whether a missing set is fetched; False: a missing set is an error.
        memory: bytes that the images may take; None: half of what is free. Larger sets are streamed from disk, decoded
            anew every epoch and shuffled through a buffer of that size.

    Returns:
        `Data`.

    Raises:
        ValueError: an unknown name or option, or batches larger than the set.
        DatasetNotFoundError: the set is not on this machine; says how to get it.
        DatasetCorruptedError: the set's files cannot be read; says which.

    >>> load_data("digits", batch_size=64)
    Data('digits', input_shape=(32, 32, 3), num_classes=10, batch_size=64, steps_per_epoch=20)
    """
    entry, options = resolve(DATASETS, name, "data set")
    if augment not in (None, "default"):
        augmentation(augment, 2)  # a wrong name is refused before anything is read
    images = entry(data_dir, download, **options)
    change = augmentation(images.augment if augment in (None, "default") else augment, len(images.class_names))
    memory = available_memory() // 2 if memory is None else memory
    if images.stream is not None and images.num_bytes > memory:
        return streamed_data(images, batch_size=batch_size, seed=seed, augment=change, memory=memory)
    return Data.from_arrays(
        **{split: images.read(split) for split in images.sizes},
        batch_size=batch_size,
        shuffle=True,
        seed=seed,
        num_classes=len(images.class_names),
        augment=change,
        mean=images.mean,
        std=images.std,
        name=images.name,
        class_names=images.class_names,
    )
