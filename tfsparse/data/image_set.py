"""`ImageSet`: what every data set says about itself."""

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class ImageSet:
    """A data set on this machine, not yet read.

    Args:
        name: as in `DATASETS`.
        shape: of one image.
        sizes: dict from split (`train`, `validation`, `test`) to its number of images.
        read: function (split) -> (uint8 images, int64 labels), always in the same order.
        encoded: function (split) -> (images as their files' bytes, labels), tensors in the order of `read`; or None where
            there are no files.
        decode: function (one image's bytes) -> the image as `read` gives it; or None, as `encoded`.
        mean: per channel, in 0..255, of the training images.
        std: likewise.
        class_names: in the order of the class numbers.
        augment: names of the augmentation that suits the images.
    """

    name: str
    shape: tuple
    sizes: dict
    read: Callable
    mean: tuple
    std: tuple
    class_names: tuple
    encoded: Callable | None = None
    decode: Callable | None = None
    augment: str = "crop_flip"

    @property
    def num_bytes(self):
        """Bytes that all images take as uint8.

        >>> ImageSet("dots", (2, 2, 3), {"train": 5, "test": 1}, None, (0,), (1,), ("a", "b")).num_bytes
        72
        """
        height, width, channels = self.shape
        return sum(self.sizes.values()) * height * width * channels
