"""Which biases do nothing."""

import tf_keras as keras

from tfsparse.graph import is_graph
from tfsparse.surgery import Surgery


def biases_before_norms(model):
    """Paths of the biases that a BatchNorm cancels: the loss does not depend on them, so their scale is noise."""
    if not is_graph(model):
        return []
    surgery = Surgery(model)
    linear = (None, keras.activations.linear)
    biased = [c for c in surgery.calls if hasattr(c.layer, "bias") and getattr(c.layer, "activation", None) in linear]
    readers = [(call.path, surgery.consumers(call.outputs)) for call in biased]
    norm = keras.layers.BatchNormalization
    return [f"{path}/bias" for path, calls in readers if calls and all(isinstance(c.layer, norm) for c in calls)]
