"""Data that do not fit into memory: decoded anew every epoch, shuffled through a buffer.

The buffer mixes images that are stored near to one another; TFDS has mixed all of them before, when it stored them.
"""

import math

import tensorflow as tf

from tfsparse.task import Data, checks
from tfsparse.task.augment import classes_to_spread, traced
from tfsparse.task.streams import finisher, numbered_streams, ready, shuffle_seed


def streamed_data(images, *, batch_size, seed, augment, memory):
    """`Data` that reads an `ImageSet` image by image; epoch e is a function of (seed, e) here too.

    Args:
        images: `ImageSet` with a `stream`.
        batch_size: images a batch.
        seed: decides order and augmentation.
        augment: function (images, labels, seed) -> (images, labels), or None.
        memory: bytes that the buffer may take.
    """
    count = images.sizes["train"]
    batch_size = checks.batch_size_for(count, batch_size)
    buffer = min(max(memory // math.prod(images.shape), batch_size), count)
    source = images.stream("train")

    def batches(epoch):
        # The shuffle below takes one more seed from the graph it stands in, and that graph takes the global one. Here, in
        # the function that flat_map traces, this fixes the seed of that function's own graph and touches no other.
        tf.random.set_seed(1)
        mixed = source.shuffle(buffer, seed=shuffle_seed(seed, epoch)[0], reshuffle_each_iteration=False)
        return mixed.batch(batch_size, drop_remainder=True)

    rest = {split: images.stream(split).batch(batch_size) for split in images.sizes if split != "train"}
    augment, label_spec = traced(augment, source.batch(batch_size, drop_remainder=True))
    classes = len(images.class_names)
    finish = finisher(images.mean, images.std, one_hot=classes_to_spread(classes, [label_spec]))
    steps = count // batch_size
    return Data(
        numbered_streams(batches, steps=steps, seed=seed, random=True, augment=augment, finish=finish),
        **{split: ready(dataset.map(finish)) for split, dataset in rest.items()},
        input_shape=images.shape,
        num_classes=classes,
        batch_size=batch_size,
        steps_per_epoch=steps,
        name=images.name,
        mean=images.mean,
        std=images.std,
        class_names=images.class_names,
        image_dtype="uint8",
    )
