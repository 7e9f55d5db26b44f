"""TF-MOT's own pruning wrapper around any layer."""

import tensorflow as tf
from tensorflow_model_optimization.python.core.sparsity.keras.pruning_wrapper import PruneLowMagnitude

from tfsparse import paths
from tfsparse.mask.masked_layer import call_wrapped


class GradualLayer(PruneLowMagnitude):
    """TF-MOT's wrapper, which prunes its layer's smallest weights while it trains, for layers of every kind.

    Schedule, thresholds, masks and the moments at which weights become 0 are TF-MOT's. Its registry, which refuses most
    layers, is bypassed; layers may take several inputs, and may create their weights only when they are called.

    Args:
        layer: any Keras layer.
        names: of the weights to prune, from the layer inwards (`"kernel"`, `"query/kernel"`).
        schedule: TF-MOT's `PruningSchedule`.

    Attributes:
        fitting: whether a call belongs to a training step, and prunes.
    """

    fitting = False

    def __init__(self, layer, names, schedule):
        self.names = names
        layer.get_prunable_weights = lambda: list(self._chosen().values())
        # Masks have the weights' own precision, and the layer itself casts its inputs.
        super().__init__(layer, pruning_schedule=schedule, dtype=layer.dtype, autocast=False)
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
        if self.pruning_vars and self.fitting:
            self._prune()
        outputs = call_wrapped(self.layer, inputs, args, kwargs, training)
        if not self.pruning_vars:
            with tf.init_scope():
                super().build(None)
        return outputs

    def _prune(self):
        """What TF-MOT's own `call` does before it calls a layer in training. A part of a network that is called with
        `training=False` (frozen features) is never told to train, and would stay dense."""
        self.pruning_step.assign_add(1)
        self.pruning_obj.conditional_mask_update()
        self.pruning_obj.weight_mask_op()
