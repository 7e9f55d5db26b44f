"""What a network's outputs are, and what must be added for its file to give probabilities."""

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsparse.export.result import ExportError
from tfsparse.task.endings import AVERAGES, ends_in, function_name, last_layer

ENDINGS = {"softmax": tf.nn.softmax, "sigmoid": tf.sigmoid, "as_is": tf.identity}  # what is put behind the model
OUTPUTS = {"auto": None, **ENDINGS}
_ACTIVATIONS = (keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.PReLU, keras.layers.ELU)
# Functions called on a tensor. A sigmoid that means labels has been found earlier; Keras' hard sigmoid ends in a clip.
_FUNCTIONS = {"relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "swish", "sigmoid", "clip_by_value"}
_FUNCTIONS |= {"tanh", "softplus", "softsign", "exp"}
CLASSES, LABELS, NUMBERS = (
    "class probabilities",
    "probabilities of labels, each on its own",
    "numbers of the model's own",
)


def outputs_of(model, normalised):
    """The outputs of the Keras model, checked: [n, classes], or labels or numbers in their place.

    Raises:
        ExportError: another shape, or NaN or infinity among them.
        ValueError: the model cannot compute them.
    """
    try:
        outputs = [model(normalised[i : i + 64], training=False) for i in range(0, len(normalised), 64)]
    except tf.errors.InvalidArgumentError as error:  # the model takes numbers in a range, such as those of words
        raise ValueError(
            f"Model {model.name!r} cannot compute the inputs that its file is to be compared on. Random numbers are "
            "used where data have no test images: pass data= with some that it takes."
        ) from error
    if not all(tf.is_tensor(part) and part.shape.rank == 2 for part in outputs):
        raise ExportError(f"Model {model.name!r} must give one output [batch, classes] (a single label or number: 1).")
    outputs = np.concatenate(outputs)
    if not np.isfinite(outputs).all():
        raise ExportError(f"Model {model.name!r} gives NaN or infinite outputs on the test images; not exported.")
    return outputs


def are_probabilities(outputs):
    """Whether a softmax has been applied already, anywhere in the model: rows add up to 1, without a negative number.

    >>> are_probabilities(np.array([[0.25, 0.75]])), are_probabilities(np.array([[0.25, 2.0]]))
    (True, False)
    """
    return outputs.shape[-1] > 1 and bool((outputs >= 0).all() and np.allclose(outputs.sum(-1), 1, atol=1e-3))


def ending(model, outputs, wanted, *, apart=False):
    """What is put behind the model: a name in `ENDINGS`.

    The outputs of a layer without an activation are taken for logits of mutually exclusive classes, although a regression
    looks the same.

    Args:
        model: Keras model.
        outputs: of the model, from `outputs_of`.
        wanted: a name in `OUTPUTS`.
        apart: whether the labels of the data do not add up to 1: then logits could be of labels or of classes.

    Raises:
        ValueError: `wanted` is `"auto"` and the model ends in an activation that is neither softmax nor sigmoid, or in
            a single number, which may be a logit or not; `"softmax"` over a single number, which is always 1.

    >>> linear, labels = (keras.Sequential([keras.layers.Dense(2, a, input_shape=(3,))]) for a in ("linear", "sigmoid"))
    >>> ending(linear, np.ones((1, 2)), "auto"), ending(labels, np.ones((1, 2)), "auto")
    ('softmax', 'as_is')
    """
    alone = outputs.shape[-1] == 1
    if alone and wanted == "softmax":
        raise ValueError(
            f"Model {model.name!r} gives one number, whose softmax is always 1: outputs='sigmoid', or 'as_is'."
        )
    if wanted != "auto":
        return wanted
    if are_probabilities(outputs) or _are_labels(model, outputs):
        return "as_is"
    activation = _last_activation(model)
    if activation is not None:
        raise ValueError(
            f"Model {model.name!r} ends in {activation}: its outputs are no logits. Say what "
            "they are: outputs='as_is' for a file that gives them unchanged, 'softmax' or 'sigmoid' to put one behind them."
        )
    if alone:
        raise ValueError(
            f"Model {model.name!r} gives one number. Say what it is: outputs='sigmoid' for the logit of a label "
            "(a sigmoid turns it into a probability), 'as_is' for a number that stays as it is."
        )
    if apart:
        raise ValueError(
            f"Model {model.name!r} gives logits, and the labels of the data do not add up to 1. Say what its outputs are: "
            "outputs='sigmoid' for labels each on their own, 'as_is' for numbers, 'softmax' for classes."
        )
    return "softmax"


def _last_activation(model):
    """The name of the non-linear activation that the model ends in, or None; a subclassed model hides its end: None."""
    # Logits may be means of ReLU outputs.
    if not model.outputs or isinstance(model.outputs[0].node.layer, AVERAGES):
        return None
    layer = last_layer(model)
    if isinstance(layer, _ACTIVATIONS):
        return type(layer).__name__
    if function_name(layer) in _FUNCTIONS:
        return function_name(layer)
    activation = getattr(layer, "activation", None)
    return None if activation in (None, keras.activations.linear) else getattr(activation, "__name__", str(activation))


def ended(outputs, ending):
    """What the file must give for a model's outputs, in float64.

    >>> ended(np.zeros((1, 2)), "softmax").tolist()
    [[0.5, 0.5]]
    """
    return ENDINGS[ending](tf.constant(outputs, tf.float64)).numpy()


def meaning(model, expected, ending):
    """What the numbers of a file are: `CLASSES`, `LABELS` or `NUMBERS`."""
    if are_probabilities(expected):
        return CLASSES
    return LABELS if ending == "sigmoid" or _are_labels(model, expected) else NUMBERS


def _are_labels(model, outputs):
    # The values are checked too: what a subclassed model ends in is only a guess.
    return ends_in(model, "sigmoid") and bool((outputs >= 0).all() and (outputs <= 1).all())
