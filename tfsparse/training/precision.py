"""The precision in which a model is trained; the fastest one on this machine is found by measuring."""

import logging
import statistics
import time

import tensorflow as tf
import tf_keras as keras

from tfsparse.frozen import kept_random_state
from tfsparse.graph import is_graph
from tfsparse.registry import lookup
from tfsparse.surgery import Surgery

log = logging.getLogger(__name__)

POLICIES = {"none": None, "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
AUTO = "auto"
_IMAGES = 32
_GAIN = 1.1  # bfloat16 is chosen if it is at least this many times as fast as full precision
_WARM = 2  # the first traces, the second may still allocate
_TURNS = 5
_SCALE = 2.0**10


def policy(name):
    """The Keras dtype policy of `"bfloat16"` or `"float16"`; None for `"none"`, full precision."""
    return lookup(POLICIES, name, "precision")


def fastest(model):
    """`"bfloat16"` if training steps of `model` are faster with it here than in full precision, else `"none"`.

    Takes some seconds. Convolutions gain, depthwise ones may lose. float16 is not among the choices: where bfloat16 is
    supported it is no faster, and its range is small.

    Args:
        model: built tf_keras model; left as it is. A subclassed one, which cannot be copied, stays in full precision.
    """
    if not is_graph(model):
        log.info("%r is a subclassed model, which cannot be copied: --mixed_precision=none.", model.name)
        return "none"
    with kept_random_state():
        steps = {name: _step(model, POLICIES[name]) for name in ("none", "bfloat16")}
        turns = [{name: _seconds(step) for name, step in steps.items()} for _ in range(_WARM + _TURNS)][_WARM:]
    gain = statistics.median(turn["none"] / turn["bfloat16"] for turn in turns)
    chosen = "bfloat16" if gain >= _GAIN else "none"
    log.info("bfloat16 makes training steps %.2f times as fast here: --mixed_precision=%s.", gain, chosen)
    return chosen


def scaled(optimizer, dtype):
    """`optimizer`, with dynamic loss scaling where float16 needs it: its small gradients vanish otherwise."""
    if dtype != "mixed_float16" or isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer):
        return optimizer
    # Keras begins with 2**15: the first steps overflow and are skipped until it has come down.
    return keras.mixed_precision.LossScaleOptimizer(optimizer, initial_scale=_SCALE)


def _step(model, dtype):
    """A function that trains a copy of `model` on noise once, without an update."""
    copy = Surgery(model, "Measuring", dtype).build()
    shapes = [[_IMAGES if size is None else size for size in tensor.shape] for tensor in copy.inputs]
    inputs = [tf.cast(tf.random.stateless_normal(s, (0, 0)), t.dtype) for s, t in zip(shapes, copy.inputs, strict=True)]

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            outputs = copy(inputs if len(inputs) > 1 else inputs[0], training=True)
            loss = tf.add_n([tf.reduce_mean(tf.square(output)) for output in tf.nest.flatten(outputs)])
        gradients = tape.gradient(loss, copy.trainable_variables)
        return [tf.reduce_sum(gradient) for gradient in gradients if gradient is not None]

    return step


def _seconds(step):
    start = time.perf_counter()
    for number in step():
        number.numpy()  # waits for the device
    return time.perf_counter() - start
