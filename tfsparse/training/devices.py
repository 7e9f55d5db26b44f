"""Where a model is trained."""

import functools

import tensorflow as tf
import tf_keras as keras

from tfsparse.registry import lookup


def _tpu():
    """All cores of the TPU that the environment names."""
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver()
    except ValueError as error:
        raise ValueError(
            f"--strategy=tpu found no TPU ({error}). Run it on a TPU VM with TensorFlow for TPUs, or set TPU_NAME."
        ) from error
    tf.config.experimental_connect_to_cluster(resolver)
    tf.tpu.experimental.initialize_tpu_system(resolver)
    return tf.distribute.TPUStrategy(resolver)


STRATEGIES = {
    "none": tf.distribute.get_strategy,
    "mirrored": tf.distribute.MirroredStrategy,
    "multi_worker": tf.distribute.MultiWorkerMirroredStrategy,
    "tpu": _tpu,
}


@functools.cache  # TensorFlow numbers each strategy's collectives from the start: only one of a kind per process
def make_strategy(name):
    """A `tf.distribute` strategy: `"none"`, `"mirrored"` (all local GPUs), `"multi_worker"` (reads TF_CONFIG) or `"tpu"`.

    Raises:
        ValueError: an unknown name, or there is no TPU.
    """
    return lookup(STRATEGIES, name, "strategy")()


def is_chief(strategy):
    """Whether this process is the one that finds masks and writes files: all are, except the other workers of a cluster."""
    cluster = getattr(strategy, "cluster_resolver", None)
    if cluster is None or cluster.task_type in (None, "chief"):
        return True
    appointed = "chief" in cluster.cluster_spec().as_dict()  # else worker 0 is the chief
    return cluster.task_type == "worker" and cluster.task_id == 0 and not appointed


def meet(strategy):
    """Returns when all workers of `strategy` have come here; at once if there is one."""
    if getattr(strategy, "cluster_resolver", None) is not None:
        strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(tf.function(lambda: tf.constant(1.0))), axis=None)


def take_chiefs_weights(strategy, model):
    """Gives all workers the weights that the first has; nothing happens if there is only one.

    Each comes with its own, drawn without a seed or rescaled by itself, and summed gradients would keep such a difference for
    ever. (TensorFlow broadcasts the value that a variable is created with, not what is assigned to it later.)
    """
    if getattr(strategy, "cluster_resolver", None) is None:
        return
    variables = [variable for variable in model.variables if variable.dtype.is_floating]

    @tf.function
    def of_first():
        first = tf.distribute.get_replica_context().replica_id_in_sync_group == 0
        return [tf.where(first, variable, tf.zeros_like(variable)) for variable in variables]

    for variable, value in zip(variables, strategy.run(of_first), strict=True):
        variable.assign(strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None))


def synchronise(model):
    """Makes the BatchNorms of `model` normalise by the statistics of the whole batch, not of each device's share.

    The model must not be traced yet. Only BatchNorm's code without the fused kernel can gather the statistics.

    Raises:
        ValueError: a BatchNorm whose statistics are not the batch's (`renorm`, `virtual_batch_size`).
    """
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            if layer.renorm or layer.virtual_batch_size is not None:
                raise ValueError(f"{layer.name!r} uses renorm or virtual_batch_size, which cannot be synchronised.")
            layer.synchronized, layer.fused = True, False
