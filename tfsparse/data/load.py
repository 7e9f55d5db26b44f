"""`load_data`: a known data set, ready to train on."""

from tfsparse.data.augmentation import augmentation
from tfsparse.data.cifar import cifar10, cifar100
from tfsparse.data.digits import digits
from tfsparse.data.encoded import encoded_data
from tfsparse.data.memory import available_memory
from tfsparse.data.tiny_imagenet import tiny_imagenet
from tfsparse.registry import resolve
from tfsparse.task import Data
from tfsparse.values import whole

DATASETS = {"digits": digits, "cifar10": cifar10, "cifar100": cifar100, "tiny_imagenet": tiny_imagenet}


def load_data(name, *, batch_size=128, seed=0, augment=None, data_dir=None, download=False, memory=None):
    """The `Data` of a known set: training images shuffled and augmented, validation and test images neither.

    Args:
        name: `"digits"` (comes with scikit-learn), `"cifar10"`, `"cifar100"` or `"tiny_imagenet"`; of the CIFARs also
            a part, `"cifar10(train=5000)"`: the first 5,000 training images, all validation and test images.
        batch_size: images a batch; None, where nothing is trained: 128, or all if the training set has fewer.
        seed: decides order and augmentation, together with the number of the epoch; the splits never depend on it.
        augment: names from `AUGMENTATIONS`, such as `"crop_flip,mixup(alpha=0.2)"` or `"none"`;
            None or `"default"`: what suits the set.
        data_dir: where TFDS keeps its data; None: TFDS_DATA_DIR of the environment, or ~/tensorflow_datasets.
        download: whether a missing set is fetched; False: a missing set is an error.
        memory: bytes that the decoded images may take; None: half of what is free. Larger sets are kept in memory as
            their JPEG or PNG files, a fraction of that, and decoded anew every epoch: slower, but batch by batch the same.

    Raises:
        ValueError: an unknown name or option, a seed below 0, or batches larger than the set.
        DatasetNotFoundError, DatasetCorruptedError: say how to get the set, and which files to delete.

    >>> load_data("digits", batch_size=64)
    Data('digits', input_shape=(32, 32, 3), num_classes=10, batch_size=64, steps_per_epoch=20)
    """
    entry, options = resolve(DATASETS, name, "data set")
    seed = whole(seed, "seed", least=0)
    augment = None if augment == "default" else augment
    augmentation("none" if augment is None else augment, 2)  # a wrong name is refused before anything is read
    images = entry(data_dir, download, **options)
    change = augmentation(images.augment if augment is None else augment, len(images.class_names))
    memory = available_memory() // 2 if memory is None else memory
    if images.encoded is not None and images.num_bytes > memory:
        return encoded_data(images, batch_size=batch_size, seed=seed, augment=change)
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
