"""Tiny ImageNet, by a TFDS builder of ours."""

import functools
import logging

import tensorflow as tf

from tfsparse.data import tfds_images
from tfsparse.data.image_set import ImageSet
from tfsparse.data.tfds_prepared import manual_folder, prepared

# Of 9,000 training images, 45 per class: files 0 to 49 of every class without the last tenth. Computed by
#   python -c "from tfsparse.data import DATASETS; x, _ = DATASETS['tiny_imagenet']().read('train')
#   print(x.mean((0, 1, 2), dtype=float), x.std((0, 1, 2), dtype=float))"
# where manual_dir holds that part of the set. Those of all training images differ by less than a grey level or so.
MEAN = (123.1995, 114.8632, 101.9567)
STD = (70.5374, 68.5563, 71.7847)

WHOLE = {"train": 90_000, "validation": 10_000, "test": 10_000}

_PART = (
    "This tiny_imagenet is a part: %s images to train, validate and test, where the whole has %s; accuracies do not compare. "
    "For the whole put tiny-imagenet-200.zip into %s in the place of what lies there; or, with a network, take away what "
    "lies there and load with --download (in Python download=True)."
)

log = logging.getLogger(__name__)


def tiny_imagenet(data_dir=None, download=False):
    """110,000 photographs of 64x64 pixels in 200 classes; 90,000 to train, 10,000 to validate, 10,000 to test.

    The set's own validation images are the test set. Validation is the last tenth of each training class.
    A folder with a part of the images will do, see `tiny_imagenet_builder`; every load then says that it is a part. It is
    replaced as soon as there is more: if the manual folder holds more training images, or, with `download`, no files.
    """
    from tfsparse.data.tiny_imagenet_builder import TinyImagenet, files  # takes seconds

    def outdated(builder, manual):
        sizes = _sizes(builder)
        if sizes == WHOLE:
            return False
        more = files.training_images(manual) > sizes["train"] + sizes["validation"]
        return more or (download and not files.has_files(manual))

    make = functools.partial(TinyImagenet, data_dir=data_dir)
    options = {"download": download, "manual": files.has_files, "outdated": outdated}
    builder = prepared(make, "tiny_imagenet", **options)
    if _sizes(builder) != WHOLE:
        log.warning(_PART, _listed(_sizes(builder)), _listed(WHOLE), manual_folder(builder))
    return ImageSet(
        name="tiny_imagenet",
        shape=(64, 64, 3),
        sizes=_sizes(builder),
        read=lambda split: tfds_images.array(builder, split, (64, 64, 3), _decode),
        encoded=lambda split: tfds_images.encoded(builder, split),
        decode=_decode,
        mean=MEAN,
        std=STD,
        class_names=tuple(builder.info.features["label"].names),
    )


def _sizes(builder):
    return {split: builder.info.splits[split].num_examples for split in WHOLE}


def _listed(sizes):
    return " / ".join(f"{size:,}" for size in sizes.values())


def _decode(content):
    # The slower of libjpeg's two transforms: it gives what Pillow gives, and so what everybody else trains on.
    return tf.ensure_shape(tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE"), (64, 64, 3))
