"""TF-MOT's own pruning wrapper around any layer."""

import inspect

import tensorflow as tf
from tensorflow_model_optimization.python.core.sparsity.keras.pruning_wrapper import PruneLowMagnitude

from tfsparse import paths
from tfsparse.mask.masked_layer import takes


class GradualLayer(PruneLowMagnitude):
    """TF-MOT's wrapper, which prunes its layer's smallest weights while it trains, for layers of every kind.

    Schedule, thresholds, masks and the moments at which weights become 0 are TF-MOT's. Its registry, which refuses most
    layers, is passed by; layers may take several inputs, and may make weights only when they are called.

    Args:
        layer: any Keras layer.
        names: of the weights to prune, from the layer inwards (`"kernel"`, `"query/kernel"`).
        schedule: TF-MOT's `PruningSchedule`.
    """

    def __init__(self, layer, names, schedule):
        self.names = names
        layer.get_prunable_weights = lambda: list(self._chosen().values())
        super().__init__(layer, pruning_schedule=schedule)
        self.supports_masking = layer.supports_masking

    def _chosen(self):
        return {path: v for path, v, _ in paths.owned_weights_of(self.layer) if path in self.names}

    def build(self, input_shape):
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True
        self.built = True
        if len(self._chosen()) == len(self.names):
            super().build(input_shape)

    def compute_mask(self, inputs, mask=None):
        return self.layer.compute_mask(inputs, mask)

    def call(self, inputs, *args, training=None, **kwargs):
        if not takes(self.layer, "mask"):  # Keras hands it to every layer whose call takes anything
            kwargs.pop("mask", None)
        if self.pruning_vars:  # TF-MOT takes one positional argument
            names = [name for name in inspect.signature(self.layer.call).parameters if name != "training"]
            return super().call(inputs, training=training, **dict(zip(names[1:], args, strict=False)), **kwargs)
        outputs = self.layer(inputs, *args, **kwargs)
        with tf.init_scope():
            super().build(None)
        return outputs
