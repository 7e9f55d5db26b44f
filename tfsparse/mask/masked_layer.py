"""TF-MOT's pruning wrapper, carrying a fixed mask that holds after every optimizer step."""

import inspect

import tensorflow as tf
import tf_keras as keras
from tensorflow_model_optimization.python.core.sparsity.keras.pruning_wrapper import PruneLowMagnitude
from tensorflow_model_optimization.sparsity import keras as tfmot

from tfsparse import paths
from tfsparse.mask import constraint
from tfsparse.mask.prunable import KINDS


@keras.utils.register_keras_serializable(package="tfsparse")
class MaskedLayer(PruneLowMagnitude):
    """Wraps one layer; its kernels follow TF-MOT's mask variables.

    TF-MOT's own enforcement is not used: it assigns every weight in every forward pass, merging replicas to do so, and
    leaves weights dense between an update and the next pass. Here a weight constraint multiplies by the mask variable
    after each update. TF-MOT's `strip_pruning` and `PruningSummaries` work as on its own wrapper.

    Args:
        layer: any Keras layer that holds prunable kernels, composite and custom ones too.
        masked: names of the weights to mask, from the layer inwards (`"kernel"`, `"query/kernel"`); None: every
            prunable kernel.
    """

    def __init__(self, layer, masked=None, **kwargs):
        self.masked = masked
        # TF-MOT's registry refuses most layers; a layer that names its prunable weights is always taken.
        layer.get_prunable_weights = lambda: list(self._chosen().values())
        # The layer itself casts what it is given; before that, the wrapper would cast half precision to full.
        super().__init__(layer, pruning_schedule=tfmot.ConstantSparsity(0.0, 0), **{"autocast": False, **kwargs})
        self.supports_masking = layer.supports_masking

    def _chosen(self):
        rows = [(p, v, o) for p, v, o in paths.owned_weights_of(self.layer)]
        if self.masked is None:
            return {path: variable for path, variable, owner in rows if KINDS["all"](path, variable, owner)}
        return {path: variable for path, variable, _ in rows if path in self.masked}

    def build(self, input_shape):
        if not self.layer.built:
            take_back = constraint.offer(self.layer)
            self.layer.build(input_shape)
            self.layer.built = True
            take_back()
        self.built = True
        if len(self._chosen()) >= len(self.masked or [1]):
            self._add_masks(input_shape)

    def call(self, inputs, *args, training=None, **kwargs):
        outputs = call_wrapped(self.layer, inputs, args, kwargs, training)
        if not self.pruning_vars:  # a composite layer may make its parts' weights only when it is called
            with tf.init_scope():
                self._add_masks(None)
        return outputs

    def compute_mask(self, inputs, mask=None):
        return self.layer.compute_mask(inputs, mask)

    def _add_masks(self, input_shape):
        super().build(input_shape)
        for weight, mask, _ in self.pruning_vars:
            constraint.enforce(weight, mask)

    def get_config(self):
        layer = keras.layers.serialize(self.layer)
        return {"name": self.name, "trainable": self.trainable, "layer": layer, "masked": self.masked}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        trainable = config.pop("trainable", True)
        config.pop("name", None)  # TF-MOT derives it from the layer's
        wrapper = cls(keras.layers.deserialize(config.pop("layer")), **config)
        wrapper.trainable = trainable
        return wrapper


def call_wrapped(layer, inputs, args, kwargs, training):
    """Calls the layer inside a wrapper, with `training` and Keras' `mask` only where its call takes them."""
    taken = inspect.signature(layer.call).parameters
    if "training" in taken:
        kwargs["training"] = training
    if "mask" not in taken:  # Keras passes it to every layer whose call takes any keyword
        kwargs.pop("mask", None)
    return layer(inputs, *args, **kwargs)


def of_training(model):
    """The first layer of `model` that belongs to training, ours or TF-MOT's; None for a plain model."""
    for layer in model._flatten_layers(include_self=False):
        if hasattr(layer, "pruning_vars") or type(layer).__module__.startswith("tfsparse."):
            return layer
    return None


def masks(model):
    """The mask variables of a sparsified model: path of the weight -> variable of 0 and 1."""
    rows = {id(variable): path for path, variable in paths.weights(model).items()}
    wrappers = [layer for layer in model._flatten_layers() if isinstance(layer, PruneLowMagnitude)]
    return {rows[id(weight)]: mask for layer in wrappers for weight, mask, _ in layer.pruning_vars}
