"""Where a model is trained."""

import functools

import tensorflow as tf
import tf_keras as keras

from tfsparse.registry import lookup

STRATEGIES = {
    "none": tf.distribute.get_strategy,
    "mirrored": tf.distribute.MirroredStrategy,
    "multi_worker": tf.distribute.MultiWorkerMirroredStrategy,
}


@functools.cache  # TensorFlow numbers the collectives of each strategy anew: a process can have one of a kind
def make_strategy(name):
    """A `tf.distribute` strategy: `"none"`, `"mirrored"` (all local GPUs) or `"multi_worker"` (reads TF_CONFIG)."""
    return lookup(STRATEGIES, name, "strategy")()


def is_chief(strategy):
    """Whether this process is the one that finds masks and writes files: all are, but for workers 1, 2, ..."""
    cluster = getattr(strategy, "cluster_resolver", None)
    if cluster is None or cluster.task_type in (None, "chief"):
        return True
    appointed = "chief" in cluster.cluster_spec().as_dict()  # else worker 0 is it
    return cluster.task_type == "worker" and cluster.task_id == 0 and not appointed


def meet(strategy):
    """Returns when all workers of `strategy` have come here; at once if there is one."""
    if getattr(strategy, "cluster_resolver", None) is not None:
        strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(tf.function(lambda: tf.constant(1.0))), axis=None)


def synchronise(model):
    """Lets the BatchNorms of `model` normalise by the statistics of the whole batch, not of each device's share.

    For a model that is not traced yet. Their code without the fused kernel is what can gather them.

    Raises:
        ValueError: a BatchNorm whose statistics are not the batch's (`renorm`, `virtual_batch_size`).
    """
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            if layer.renorm or layer.virtual_batch_size is not None:
                raise ValueError(f"{layer.name!r} uses renorm or virtual_batch_size, which cannot be synchronised.")
            layer.synchronized, layer.fused = True, False
