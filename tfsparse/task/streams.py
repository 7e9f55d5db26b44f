"""Training batches as streams: an epoch at random, a span of numbered epochs, or plain batches to score weights on."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

_SHUFFLE, _AUGMENT = 1, 2  # keep the two uses of one seed apart
_AHEAD = 4  # batches kept ready


@dataclasses.dataclass(frozen=True)
class Streams:
    """Where the training batches of a `Data` come from.

    Args:
        train: dataset, one epoch.
        epochs: function (start, stop) -> dataset.
        scoring: function (batches) -> dataset.
        seed: of order and augmentation; None: the dataset decides, and its seed is unknown.
        apart: whether labels are vectors that do not add up to 1: independent labels, or numbers.
    """

    train: tf.data.Dataset
    epochs: Callable
    scoring: Callable
    seed: int | None = None
    apart: bool = False


def numbered_streams(batches, *, steps, seed, random, augment, finish):
    """Streams in which epoch e is a function of (seed, e) and nothing else.

    Args:
        batches: function (epoch, an int64 tensor) -> dataset of raw batches (images, labels).
        steps: batches per epoch.
        seed: int.
        random: whether `train` differs from one iteration to the next.
        augment: function (images, labels, seed) -> (images, labels), or None.
        finish: function (images, labels) -> (images, labels), applied last.
    """

    def stream(numbers, length, change):
        def numbered(epoch):
            return batches(epoch).enumerate().map(lambda index, batch: (epoch, index, *batch))

        def work(epoch, index, images, labels):
            if change is not None:
                images, labels = change(images, labels, _seed(seed, epoch, index))
            return finish(images, labels)

        made = numbers.flat_map(numbered).map(work, num_parallel_calls=tf.data.AUTOTUNE)
        return ready(made.apply(tf.data.experimental.assert_cardinality(length)))

    once = tf.data.Dataset.range(1)
    if random:
        once = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).take(1)
    return Streams(
        train=stream(once, steps, augment),
        epochs=lambda start, stop: stream(tf.data.Dataset.range(start, stop), steps * (stop - start), augment),
        scoring=lambda count: stream(tf.data.Dataset.range(1), steps, None).take(count),
        seed=seed,
    )


def shuffle_seed(seed, epoch):
    """The seed, two int64, that decides the order of an epoch."""
    return tf.random.experimental.stateless_fold_in(tf.constant([seed, _SHUFFLE], tf.int64), epoch)


def _seed(seed, epoch, index):
    """The seed, two int64, that decides what happens to one batch."""
    fold_in = tf.random.experimental.stateless_fold_in
    return fold_in(fold_in(tf.constant([seed, _AUGMENT], tf.int64), epoch), index)


def ready(dataset):
    """`dataset`, prefetched, in a fixed order, and shared among workers by batches: there are no files to share out.

    TensorFlow's autotuning is off (unless the data set asks for it); parallel parts use all cores. With it, the end of an
    iterator waits for the tuner's thread, which now and then misses the signal and sleeps on: 10 to 40 seconds were seen.
    """
    options = tf.data.Options()
    options.deterministic = True
    if dataset.options().autotune.enabled is None:
        options.autotune.enabled = False
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return dataset.prefetch(_AHEAD).with_options(options)


def finisher(mean, std, one_hot=None):
    """A function that finishes batches: images float32 and normalised, class numbers as vectors over `one_hot` classes.

    >>> images, labels = finisher((100.0,), (10.0,), one_hot=3)(tf.constant([[[[120]]]]), tf.constant([2]))
    >>> float(images[0, 0, 0, 0]), labels.numpy().tolist()
    (2.0, [[0.0, 0.0, 1.0]])
    """

    def finish(images, labels):
        images = tf.cast(images, tf.float32)
        if mean is not None:
            images = (images - tf.constant(mean, tf.float32)) / tf.constant(std, tf.float32)
        if one_hot and len(labels.shape) == 1:
            labels = tf.cast(labels, tf.int64)
            message = f"Class numbers must be from 0 to {one_hot - 1}: num_classes={one_hot}."
            tf.debugging.assert_non_negative(labels, message)
            tf.debugging.assert_less(labels, tf.constant(one_hot, tf.int64), message)
            labels = tf.one_hot(labels, one_hot)
        elif labels.dtype.is_integer:
            labels = tf.cast(labels, tf.int64)
        return images, labels

    return finish
