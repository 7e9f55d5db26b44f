"""The known data sets, and what is done to their training images.

`load_data` is the way in. `DATASETS` holds the sets, `AUGMENTATIONS` the ways of changing training images:

- `crop_flip` is what published accuracies on photographs were reached with. `digits` takes `crop`: a mirrored
  digit is another sign.
- `randaugment` helps long trainings of large networks and costs the most time of all (see benchmarks/input_pipeline.py).
- `mixup` and `cutmix` give labels that are vectors over the classes; losses for class numbers do not take them.
  They come last in a list, after what changes single images: `"crop_flip,cutmix"`. Label smoothing adds to what they do.

A new data set is a file with a function (data_dir, download) -> ImageSet, and a line in `DATASETS`.
A new augmentation is a function (num_classes, *, options) -> (function (images, labels, seed) -> (images, labels)) on
whole batches, its randomness drawn from `seed` alone, and a line in `AUGMENTATIONS`.
"""

from tfsparse.data.augmentation import AUGMENTATIONS, augmentation
from tfsparse.data.errors import DatasetCorruptedError, DatasetNotFoundError
from tfsparse.data.image_set import ImageSet
from tfsparse.data.load import DATASETS, load_data

__all__ = [
    "AUGMENTATIONS",
    "DATASETS",
    "DatasetCorruptedError",
    "DatasetNotFoundError",
    "ImageSet",
    "augmentation",
    "load_data",
]
