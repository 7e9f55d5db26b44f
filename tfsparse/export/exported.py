"""An exported network, loaded back: images in, probabilities out, or whatever numbers the network gives."""

import dataclasses
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass(frozen=True)
class Exported:
    """A loaded export. Calling it on images gives what its model card says: class probabilities, as a rule.

    Args:
        run: images [batch, height, width, channels] to outputs [batch, classes]; NumPy arrays, any batch size.
        input_shape: of one image, (height, width, channels).
        dtype: of the images: uint8 or float32.
        constants: function that returns the file's weights: float arrays of two or more axes, dense.
        class_names: in the order of the outputs, if the file itself has them.

    >>> half = Exported(lambda x: np.full((len(x), 2), 0.5), (4, 4, 1), np.dtype("uint8"), list)
    >>> half(np.zeros((3, 4, 4, 1), "uint8")).shape
    (3, 2)

    Raises:
        ValueError: images of another shape or dtype.
    """

    run: Callable
    input_shape: tuple
    dtype: np.dtype
    constants: Callable
    class_names: tuple | None = None

    def __call__(self, images):
        images = np.asarray(images)
        if images.shape[1:] != self.input_shape or images.dtype != self.dtype or len(images) == 0:
            raise ValueError(
                f"Expected {self.dtype} images of shape (batch, {', '.join(map(str, self.input_shape))}), "
                f"received {images.dtype} of shape {images.shape}."
            )
        return self.run(images)
