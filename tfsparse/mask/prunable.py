"""Which weights a mask is for."""

import tf_keras as keras

from tfsparse import paths
from tfsparse.registry import lookup

# Transposed ones derive from these; their common base, Conv, is not public.
_CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
)
_RECURRENT = (keras.layers.SimpleRNNCell, keras.layers.GRUCell, keras.layers.LSTMCell)  # and what derives from them
_DENSE = (keras.layers.Dense, keras.layers.EinsumDense)


def prunable(model, kind="all"):
    """The weights of `model` that a mask is for: path -> variable, in the order of the layers.

    Args:
        model: a built Keras model; nested, shared and composite layers are looked into.
        kind: `"all"`, the kernels of convolution and dense layers and of custom layers; `"conv"`, convolution
            kernels only (the rule of the ToST paper, which keeps the classifier dense); `"pointwise"`, 1x1 convolution
            kernels only, the ones that phones run sparsely.

    Biases, norms, embeddings and the kernels of recurrent layers (also those for their inputs) are never prunable.

    >>> model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,), name="head")])
    >>> list(prunable(model))
    ['head/kernel']

    Raises:
        ValueError: `model` is not built, or holds nothing to prune.
    """
    rule = lookup(KINDS, kind, "kind of prunable weights")
    check_model(model)
    found = {path: variable for path, variable, owner in paths.owned_weights(model) if rule(path, variable, owner)}
    if not found:
        raise ValueError(
            f"Model {model.name!r} has no prunable weights of kind {kind!r}: no kernel of two or more axes."
        )
    return found


def check_model(model):
    """Raises a helpful error if `model` is no built tf_keras model.

    Raises:
        TypeError: not a model, or a Keras 3 model.
        ValueError: its weights do not exist yet.
    """
    if not isinstance(model, keras.Model):
        module = type(model).__module__
        if module.startswith("keras."):
            raise TypeError(
                f"{type(model).__name__} is a Keras 3 model; tfsparse works with Keras 2. Build it with "
                "`import tf_keras as keras`, or set TF_USE_LEGACY_KERAS=1 before TensorFlow is imported."
            )
        raise TypeError(f"Expected a tf_keras model, received {type(model).__name__} ({module}).")
    if not model.built or not model.weights:
        raise ValueError(
            f"Model {model.name!r} has no weights yet. Call it on a batch, or model.build(input_shape), first."
        )


def _is_kernel(path, variable, owner):
    name = path.rsplit("/", 1)[-1].rstrip("_0123456789")
    if not name.endswith("kernel") or name.endswith("recurrent_kernel") or len(variable.shape) < 2:
        return False
    if isinstance(owner, _CONVOLUTIONS + _DENSE):
        return True
    # A custom layer's kernel counts; Keras' other layers (recurrent ones, norms) do not. KerasCV's are custom.
    return not isinstance(owner, _RECURRENT) and not type(owner).__module__.startswith("tf_keras.")


def _is_convolution_kernel(path, variable, owner):
    return _is_kernel(path, variable, owner) and len(variable.shape) >= 3 and not isinstance(owner, _DENSE)


def _is_pointwise_kernel(path, variable, owner):
    return _is_convolution_kernel(path, variable, owner) and all(edge == 1 for edge in variable.shape[:-2])


KINDS = {"all": _is_kernel, "conv": _is_convolution_kernel, "pointwise": _is_pointwise_kernel}
