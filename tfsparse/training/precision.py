"""In which precision a model is trained; which one is fastest here is measured."""

import functools
import logging
import statistics
import time

import tensorflow as tf
import tf_keras as keras

from tfsparse.frozen import kept_random_state
from tfsparse.registry import lookup

log = logging.getLogger(__name__)

POLICIES = {"none": None, "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
AUTO = "auto"
_GAIN = 1.1  # what half a precision must bring
_TURNS = 5


def policy(name):
    """The Keras dtype policy of `"bfloat16"` or `"float16"`; None for `"none"`, full precision; `"auto"`: the fastest."""
    return lookup(POLICIES, fastest() if name == AUTO else name, "precision")


@functools.cache
def fastest():
    """`"bfloat16"` if training steps of a small convolutional network are faster with it than in full precision, else `"none"`.

    Takes about a second, once a process. float16 is not among the choices: it is no faster where bfloat16 is known, and its
    range is small.
    """
    with kept_random_state():
        steps = {name: _step(POLICIES[name]) for name in ("none", "bfloat16")}
    turns = [{name: _seconds(step) for name, step in steps.items()} for _ in range(1 + _TURNS)][1:]  # the first traces
    gain = statistics.median(turn["none"] / turn["bfloat16"] for turn in turns)
    chosen = "bfloat16" if gain >= _GAIN else "none"
    log.info("bfloat16 makes training steps %.2f times as fast here: --mixed_precision=%s.", gain, chosen)
    return chosen


def scaled(optimizer, dtype):
    """`optimizer`, with dynamic loss scaling where float16 needs it: its small gradients vanish otherwise."""
    return keras.mixed_precision.LossScaleOptimizer(optimizer) if dtype == "mixed_float16" else optimizer


def _step(dtype):
    """A function that trains on noise once."""
    layers, options = [keras.Input((32, 32, 64))], {"dtype": dtype or "float32"}
    for _ in range(2):
        layers += [keras.layers.Conv2D(64, 3, padding="same", use_bias=False, **options)]
        layers += [keras.layers.BatchNormalization(**options), keras.layers.ReLU(**options)]
    model, images = keras.Sequential(layers), tf.random.stateless_normal((32, 32, 32, 64), (0, 0))

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.cast(model(images, training=True), tf.float32))
        return [tf.reduce_sum(gradient) for gradient in tape.gradient(loss, model.trainable_variables)]

    return step


def _seconds(step):
    start = time.perf_counter()
    for number in step():
        number.numpy()  # waits for the device
    return time.perf_counter() - start
