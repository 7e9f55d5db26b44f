"""KerasCV's RandAugment, MixUp and CutMix, as functions of a seed.

KerasCV is imported inside the functions: it takes seconds, and most runs do without.
"""

import tensorflow as tf

from tfsparse.data.seeded import generator_of_its_own, seeded
from tfsparse.values import real


def randaugment(num_classes, *, operations=3, magnitude=0.5, magnitude_stddev=0.15, rate=10 / 11):
    """RandAugment (Cubuk et al., 2020): `operations` changes of colour and shape an image, drawn at random.

    Args:
        operations: how many changes an image.
        magnitude: their mean strength, in [0, 1].
        magnitude_stddev: its spread.
        rate: probability of each change.
    """
    import keras_cv

    strength = {"magnitude": magnitude, "magnitude_stddev": magnitude_stddev, "rate": rate}
    with generator_of_its_own():
        layer = keras_cv.layers.RandAugment((0, 255), augmentations_per_image=operations, dtype="float32", **strength)

    def change(images, labels, seed):
        def one(image_and_number):
            image, number = image_and_number
            with seeded(tf.random.experimental.stateless_fold_in(seed, number)):
                return tf.ensure_shape(layer({"images": image})["images"], image.shape)

        # Image by image: the layer draws once a call. It can map over a batch itself, but would draw the same each time.
        images = tf.cast(images, tf.float32)
        return tf.map_fn(one, (images, tf.range(tf.shape(images)[0])), fn_output_signature=tf.float32), labels

    return change


def mixup(num_classes, *, alpha=0.2):
    """MixUp (Zhang et al., 2018): each image and label blended with another's, with weight from Beta(alpha, alpha)."""
    import keras_cv

    return _mixer(keras_cv.layers.MixUp, alpha, num_classes)


def cutmix(num_classes, *, alpha=1.0):
    """CutMix (Yun et al., 2019): a rectangle of each image taken from another, labels in proportion to the area."""
    import keras_cv

    mix = _mixer(keras_cv.layers.CutMix, alpha, num_classes)

    def change(images, labels, seed):
        labels = _vectors(labels, num_classes)
        # KerasCV's labels count the whole rectangle, even the part beyond the border: an extra channel tells from which image
        # each pixel came.
        numbers = tf.range(tf.shape(images)[0])
        marks = tf.broadcast_to(tf.cast(numbers, tf.float32)[:, None, None, None], tf.shape(images[..., :1]))
        mixed, _ = mix(tf.concat([tf.cast(images, tf.float32), marks], -1), labels, seed)
        origin = tf.cast(mixed[..., -1], tf.int32)
        own = origin == numbers[:, None, None]
        share = tf.reduce_mean(tf.cast(own, labels.dtype), (1, 2))[:, None]
        other = tf.reduce_max(tf.where(own, 0, origin), (1, 2))  # if the rectangle has no pixels, it does not matter
        return mixed[..., :-1], share * labels + (1 - share) * tf.gather(labels, other)

    return change


def _vectors(labels, num_classes):
    return tf.one_hot(labels, num_classes) if len(labels.shape) == 1 else labels


def _mixer(kind, alpha, num_classes):
    alpha = real(alpha, "alpha", "(0, inf)")
    with generator_of_its_own():
        layer = kind(alpha=alpha, dtype="float32")

    def change(images, labels, seed):
        labels = _vectors(labels, num_classes)
        with seeded(seed):
            mixed = layer({"images": tf.cast(images, tf.float32), "labels": labels})
        return tf.ensure_shape(mixed["images"], images.shape), tf.ensure_shape(mixed["labels"], labels.shape)

    return change
