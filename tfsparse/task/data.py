"""`Data`: the images a model is trained and tested on."""

import numpy as np

from tfsparse.task import arrays, datasets


class Data:
    """Training, validation and test images in batches, made by `from_arrays`, `from_datasets` or `tfsparse.load_data`.

    Args:
        streams: `tfsparse.task.streams.Streams`, where training batches come from.
        validation: batched `tf.data.Dataset`, or None.
        test: batched `tf.data.Dataset`, or None.
        input_shape: of one image, (height, width, channels).
        num_classes: how many classes the labels tell apart.
        batch_size: training images per batch.
        steps_per_epoch: training batches per epoch.
        name: for tables and file names.
        mean: per channel, in the units of the stored images (0..255); None: images are used as they are. `std` likewise.
        class_names: in the order of the class numbers, kept as strings, or None.
        image_dtype: of the images before normalisation, `"uint8"` or `"float32"`: what exported files take.

    Attributes:
        train: one epoch of training batches (images float32, labels). If shuffled, in another order at every iteration.
            Labels are class numbers, or vectors over the classes where MixUp or CutMix mix them; `validation`, `test`
            and `scoring` give labels in the same form, so that one loss serves all.
        labels_apart: whether labels are vectors that do not add up to 1: independent labels or numbers, not classes.

    >>> import numpy as np
    >>> data = Data.from_arrays(train=(np.zeros((8, 4, 4, 1)), np.arange(8) % 2), batch_size=3)
    >>> data.input_shape, data.num_classes, data.steps_per_epoch
    ((4, 4, 1), 2, 2)
    """

    def __init__(
        self,
        streams,
        *,
        validation=None,
        test=None,
        input_shape,
        num_classes,
        batch_size,
        steps_per_epoch,
        name="data",
        mean=None,
        std=None,
        class_names=None,
        image_dtype="float32",
    ):
        one_or_other = num_classes == 1 and class_names is not None and len(class_names) == 2  # of a single output
        if class_names is not None and len(class_names) != num_classes and not one_or_other:
            raise ValueError(f"class_names must name all {num_classes} classes, received {len(class_names)} names.")
        self._streams, self.labels_apart = streams, streams.apart
        self.train, self.validation, self.test = streams.train, validation, test
        self.input_shape, self.num_classes = tuple(input_shape), int(num_classes)
        self.batch_size, self.steps_per_epoch = int(batch_size), int(steps_per_epoch)
        self.name, self.mean, self.std, self.image_dtype = name, mean, std, image_dtype
        self.class_names = None if class_names is None else tuple(str(name) for name in class_names)

    @property
    def seed(self):
        """Decides order and augmentation of the training batches; None after `from_datasets`: the datasets decide these."""
        return self._streams.seed

    def epochs(self, start, stop):
        """The training batches of epochs `start` to `stop - 1` in one stream, `steps_per_epoch` to an epoch.

        >>> import numpy as np
        >>> data = Data.from_arrays(train=(np.zeros((8, 4, 4, 1)), np.arange(8)), batch_size=4)
        >>> unbroken = [labels.numpy().tolist() for _, labels in data.epochs(0, 3)]
        >>> resumed = [labels.numpy().tolist() for _, labels in data.epochs(2, 3)]
        >>> unbroken[4:] == resumed
        True
        """
        if not 0 <= start <= stop:
            raise ValueError(f"epochs needs 0 <= start <= stop, received start={start!r}, stop={stop!r}.")
        return self._streams.epochs(start, stop)

    def scoring(self, batches):
        """The first `batches` training batches, in the form in which masks are found: normalised, never augmented.

        In the given order with `shuffle=False`, in the order of epoch 0 with `shuffle=True`: the same at every call, as
        far as a dataset given to `from_datasets` gives the same batches twice.
        """
        if not 1 <= batches <= self.steps_per_epoch:
            raise ValueError(
                f"{batches!r} batches of {self.batch_size} were asked for; the training set of {self.name!r} has "
                f"{self.steps_per_epoch}. Take fewer batches (at least 1) or a smaller batch_size."
            )
        return self._streams.scoring(batches)

    def stored(self, images):
        """Images as they were before they were normalised, of `image_dtype`: what exported files take.

        >>> import numpy as np
        >>> pair = (np.full((2, 1, 1, 1), 7, "uint8"), [0, 1])
        >>> data = Data.from_arrays(train=pair, batch_size=2, shuffle=False, mean=(5.1,), std=(2.3,))
        >>> data.stored(next(iter(data.train))[0]).ravel().tolist()
        [7, 7]
        """
        images = np.asarray(images, "float32")
        if self.mean is not None:
            images = images * np.asarray(self.std, "float32") + np.asarray(self.mean, "float32")
        return np.rint(images).astype("uint8") if self.image_dtype == "uint8" else images

    def __repr__(self):
        return (
            f"Data({self.name!r}, input_shape={self.input_shape}, num_classes={self.num_classes}, "
            f"batch_size={self.batch_size}, steps_per_epoch={self.steps_per_epoch})"
        )

    @classmethod
    def from_arrays(cls, *, train, validation=None, test=None, batch_size, **options):
        """Data from NumPy arrays, which are kept as they are (uint8 as uint8) and batched on the fly.

        Args:
            train: (images, labels). Images (n, height, width, channels) or plain vectors (n, features), of any numeric
                type. Labels: class numbers, or vectors over the classes.
            validation: likewise, or None. `test` likewise.
            batch_size: images per batch.
            shuffle: True: a new order every epoch, and the last partial batch is left out (a batch of a few images
                spoils BatchNorm's statistics). False: the given order, every image.
            seed: decides order and augmentation, together with the number of the epoch.
            num_classes: None: one more than the greatest label. 1: labels are numbers that a single output should give.
            augment: function (images, labels, seed) -> (images, labels) on a whole training batch before it is
                normalised, its randomness drawn from `seed` alone; see `tfsparse.data.augmentation`.
            mean: per channel, in the units of the images; needs `std`, likewise. Batches are (images - mean) / std.
            name: for tables and file names.
            class_names: in the order of the class numbers.

        Raises:
            ValueError: what does not fit, and what would.
        """
        return cls(**arrays.from_arrays(train, validation, test, batch_size, **options))

    @classmethod
    def from_datasets(cls, *, train, validation=None, test=None, **options):
        """Data from batched `tf.data.Dataset`s of (images, labels), in the order that they give.

        Args:
            train: finite, or infinite with `steps_per_epoch`.
            validation: finite, or None. `test` likewise. A set with class numbers (n,) is read once to check them: one
                that fits no class would stop the training after its first epoch, or count as no class. (Not those of pixels.)
            steps_per_epoch: None: all batches of `train`, which are counted once if their number is unknown.
            num_classes: None: learned from the labels of one epoch of `train` and of all the rest. If given, only the first
                batch of `train` is looked at. 1: labels are (n, 1), as `from_arrays` takes them.
            mean: per channel, in the units of the images; needs `std`, likewise. Batches are (images - mean) / std.
            name: for tables and file names.
            class_names: in the order of the class numbers.

        Resuming at epoch k skips the k epochs before it: a pipeline that repeats itself goes on exactly where it was. One with
        `shuffle(..., seed=...)` draws a new order whenever it is read, by a mask search too: resumed, it gives other orders.

        Raises:
            ValueError: what does not fit, and what would.
        """
        return cls(**datasets.from_datasets(train, validation, test, **options))
