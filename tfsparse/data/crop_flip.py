"""The standard augmentation of small photographs: shifted by a few pixels, mirrored half of the time.

A whole batch at once: every row and column is taken from where the shift and the mirror put it, in two gathers.
"""

import tensorflow as tf

from tfsparse.values import whole


def crop(num_classes, *, padding=4):
    """Pads with `padding` black pixels on every side and cuts out a window of the old size, at random.

    The padding is 0 before normalisation, as in the published protocols.
    """
    padding = whole(padding, "padding", least=0)
    return lambda images, labels, seed: (_move(images, seed, padding, mirror=False), labels)


def flip(num_classes):
    """Mirrors left to right, half of the time."""
    return lambda images, labels, seed: (_move(images, seed, 0, mirror=True), labels)


def crop_flip(num_classes, *, padding=4):
    """`crop` and `flip` at once."""
    padding = whole(padding, "padding", least=0)
    return lambda images, labels, seed: (_move(images, seed, padding, mirror=True), labels)


def _move(images, seed, padding, *, mirror):
    count, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]
    shift = tf.random.stateless_uniform([2, count, 1], seed, maxval=2 * padding + 1, dtype=tf.int32)
    rows = shift[0] + tf.range(height)
    columns = tf.range(width)[None]
    if mirror:
        coin = tf.random.stateless_uniform([count, 1], seed + 1, maxval=2, dtype=tf.int32)
        columns = tf.where(coin == 1, width - 1 - columns, columns)
    columns = shift[1] + columns
    if padding:
        images = tf.pad(images, [[0, 0], [padding, padding], [padding, padding], [0, 0]])
    images = tf.gather(images, rows, axis=1, batch_dims=1)
    return tf.gather(images, columns, axis=2, batch_dims=1)
