"""Data too large to keep decoded: kept in memory as the files' own JPEG or PNG, and decoded anew every epoch."""

import tensorflow as tf

from tfsparse.task import Data, checks
from tfsparse.task.arrays import batches_of, from_batches


def encoded_data(images, *, batch_size, seed, augment):
    """`Data` of an `ImageSet` with `encoded`; batch by batch the same as `Data.from_arrays` of the decoded images.

    Args:
        images: `ImageSet` with `encoded` and `decode`.
        batch_size: images a batch.
        seed: decides order and augmentation.
        augment: function (images, labels, seed) -> (images, labels), or None.

    Raises:
        ValueError: batches larger than the set.
        DatasetCorruptedError: damaged files; they are all read here, none later.
    """
    batch_size = checks.batch_size_for(images.sizes["train"], batch_size)
    spec = tf.TensorSpec(images.shape, tf.uint8)

    def decoded(split):
        batches = batches_of(*images.encoded(split), batch_size, split == "train", seed)

        def decode(records, labels):
            return tf.map_fn(images.decode, records, fn_output_signature=spec), labels

        return lambda epoch: batches(epoch).map(decode, num_parallel_calls=tf.data.AUTOTUNE)

    return Data(
        **from_batches(
            {split: decoded(split) for split in images.sizes},
            seed=seed,
            random=True,
            augment=augment,
            num_classes=len(images.class_names),
            mean=images.mean,
            std=images.std,
        ),
        input_shape=images.shape,
        batch_size=batch_size,
        name=images.name,
        class_names=images.class_names,
        image_dtype="uint8",
    )
