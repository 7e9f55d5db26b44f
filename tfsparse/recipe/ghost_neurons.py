"""Ghost neurons: smooth activations early in training that turn into ReLU."""

import tensorflow as tf
import tf_keras as keras

from tfsparse.recipe.ingredient import Ingredient
from tfsparse.recipe.soft import SOFT, softened
from tfsparse.recipe.strength import Ghost, checked, clock_for
from tfsparse.registry import lookup
from tfsparse.surgery import relu_limit
from tfsparse.values import real


class GhostNeurons(Ingredient):
    """Replaces every ReLU by a smooth activation that hands over to ReLU during the first `share` of training.

    A soft neuron passes gradients where a ReLU is dead. PSwish(x) = x * sigmoid(beta * x) becomes ReLU as beta grows:
    the largest gap is 0.2785 / beta. Here beta rises geometrically from `beta[0]` to `beta[1]`, so that equal steps
    close an equal part of the gap; then exact ReLU takes over. Swish (beta 1) and Mish fade linearly into ReLU.

    Paper: Jaiswal et al., Training Your Sparse Neural Network Better with Any Mask, ICML 2022. Its code fixes beta at 2
    for the whole run and never returns to ReLU (`kind="pswish", beta=(2, 2), hand_over="constant"`).

    Args:
        kind: `"pswish"`, `"swish"` or `"mish"`.
        beta: first and last beta of PSwish.
        share: part of the training steps during which the ghosts live, in (0, 1].
        hand_over: `"gradual"`; `"step"`: soft until `share`, then ReLU at once; `"constant"`: soft to the end. After
            a constant ghost the stripped model, which has ReLUs, is not the one that was trained.

    Covers `ReLU` layers (also with a maximum), `Activation("relu")`, `tf.nn.relu` and ReLUs fused into convolution and
    dense layers, in nested models too. A ReLU inside a composite or custom layer stays, even if the layer's class is derived
    from these; so does one that is frozen (`trainable=False` on it or on a model around it): frozen features stay as they are.
    """

    needs_graph = starts_anew = True

    def __init__(self, *, kind="pswish", beta=(1.0, 50.0), share=0.1, hand_over="gradual"):
        lookup(SOFT, kind, "kind of soft neuron")
        if not isinstance(beta, tuple | list) or len(beta) != 2:
            raise ValueError(f"beta must be two positive numbers, first and last; received {beta!r}.")
        self.kind, self.beta = kind, tuple(real(each, "Each of beta's two", "(0, inf)") for each in beta)
        self.share, self.hand_over = checked(share, hand_over)

    def dress(self, surgery, mask, task):
        clock = clock_for(self, task, "ghost_neurons")
        neurons = {}
        for call in surgery.calls:
            limit = relu_limit(call)
            if limit is not None and surgery.trains(call):
                if id(call.layer) not in neurons:
                    named = {"name": f"{call.path}/ghost", "dtype": surgery.policy(call)}
                    named["masking"] = call.layer.supports_masking  # tf.nn.relu drops Keras' masks, ReLU layers do not
                    neurons[id(call.layer)] = GhostNeuron(self.kind, self.beta, limit, clock.name, **named)
                surgery.replace(call, self._soften(surgery, clock, neurons[id(call.layer)]))
        if not neurons:
            raise ValueError(
                f"Model {surgery.model.name!r} has no ReLU to soften: leave ghost_neurons out of the recipe. "
                "Frozen ones stay as they are."
            )

    def _soften(self, surgery, clock, neuron):
        return lambda inputs, tensor: neuron([inputs, clock.fed(tensor(surgery.inputs[0]))])


@keras.utils.register_keras_serializable(package="tfsparse")
class GhostNeuron(Ghost):
    """One soft activation on `[x, strength]`; ReLU when the strength is 0 or the ghost has left.

    `masking`: whether Keras' mask of `x`, which leaves out padding, is passed on with the output.
    """

    def __init__(self, kind, beta, max_value, clock, masking=True, **kwargs):
        super().__init__(clock, **kwargs)
        self.kind, self.beta, self.max_value = kind, tuple(beta), max_value
        self.supports_masking = masking

    def call(self, inputs):
        x, strength = inputs
        y = tf.nn.relu(x) if self.gone else softened(x, tf.cast(strength, tf.float32), self.kind, self.beta)
        return y if self.max_value == float("inf") else tf.minimum(y, tf.cast(self.max_value, y.dtype))

    def compute_mask(self, inputs, mask=None):
        return mask[0] if self.supports_masking and mask is not None else None

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        own = {"kind": self.kind, "beta": self.beta, "max_value": self.max_value, "masking": self.supports_masking}
        return {**super().get_config(), **own}
