"""Forward passes that change nothing: weights, BatchNorm statistics and random states are the same afterwards.

Looking at a model (scores of a mask, losses of an initialisation) must not train it. `frozen` guards the model,
`kept_random_state` the process.
"""

import contextlib
import random

import numpy as np
import tf_keras as keras
from tensorflow.python.eager import context
from tensorflow.python.ops import stateful_random_ops
from tf_keras.src import backend

from tfsparse.batch_norm import on_batch_statistics, on_moving_averages
from tfsparse.registry import lookup
from tfsparse.second_derivatives import derivable_twice
from tfsparse.task.accuracy import inferring


@contextlib.contextmanager
def frozen(model, bn_mode="inference"):
    """Gives `forward(x)`, the model's outputs, and leaves the model bit for bit as it was.

    Dropout and its like are off. All weights, trainable and not, get their values back at the end, also after an error,
    so the caller may change them inside. `forward` may be called in a `tf.function` and under gradient tapes, also
    nested ones. A function traced inside keeps the behaviour of `bn_mode` when it is called later.

    Args:
        model: built tf_keras model of any kind.
        bn_mode: `"inference"`, BatchNorm uses its moving averages; `"batch"`, the batch's own mean and variance, as in
            training (except where training would not use them either: layers with `trainable=False`, or called with
            `training=False` when the graph was built; such calls in a composite layer's own code are not seen). The
            moving averages are not updated.

    Yields:
        The function `forward`.

    >>> model = keras.Sequential([keras.layers.BatchNormalization(input_shape=(1,), epsilon=0.0)])
    >>> with frozen(model, "batch") as forward:
    ...     forward(np.array([[1.0], [3.0]])).numpy().round(3).tolist()
    [[-1.0], [1.0]]
    >>> model.layers[0].moving_mean.numpy().tolist()
    [0.0]

    Raises:
        ValueError: unknown `bn_mode`.
    """
    on_batch = lookup(_BN_MODES, bn_mode, "bn_mode")(model)
    saved = [(variable, variable.numpy()) for variable in model.variables]
    with contextlib.ExitStack() as stack:
        stack.enter_context(derivable_twice(model))
        for norm in _norms(model):
            follows = any(norm is other for other in on_batch)
            stack.enter_context((on_batch_statistics if follows else on_moving_averages)(norm))
        try:
            yield inferring(model)
        finally:
            for variable, value in saved:
                variable.assign(value)


@contextlib.contextmanager
def kept_random_state():
    """Restores the random states of Python, NumPy, Keras and TensorFlow at the end.

    TensorFlow keeps one more, hidden in the kernels of its stateful random ops; nothing in this library draws from it.

    >>> with kept_random_state():
    ...     a = random.random()
    >>> a == random.random()
    True
    """
    # The last two exist only once a seed has been set.
    generators = [random, getattr(backend._SEED_GENERATOR, "generator", None), getattr(context.context(), "_rng", None)]
    generators = [(generator, generator.getstate()) for generator in generators if generator is not None]
    numpy_state, of_tensorflow = np.random.get_state(), stateful_random_ops.global_generator
    tensorflow_state = None if of_tensorflow is None else of_tensorflow.state.numpy()
    try:
        yield
    finally:
        for generator, state in generators:
            generator.setstate(state)
        np.random.set_state(numpy_state)
        if of_tensorflow is not None:
            of_tensorflow.state.assign(tensorflow_state)


@contextlib.contextmanager
def seeded_initializers(seed):
    """Lets Keras' initialisers draw from `seed`; afterwards they continue where they were.

    (`keras.utils.set_random_seed` would replace the states that `kept_random_state` knows.)
    """
    own = vars(backend._SEED_GENERATOR)
    before = own.get("generator")
    own["generator"] = random.Random(seed)
    try:
        yield
    finally:
        del own["generator"]
        if before is not None:
            own["generator"] = before


def batch_norms(model):
    """The BatchNorm layers of `model`, however deep inside, that would use batch statistics in training."""
    held = {id(layer) for layer in _held_in_inference(model)}
    return [norm for norm in _norms(model) if norm.trainable and id(norm) not in held]


def _norms(model):
    """All BatchNorm layers of `model`, each once."""
    found = [layer for layer in model._flatten_layers() if isinstance(layer, _NORMS)]
    return list({id(layer): layer for layer in found}.values())


def _held_in_inference(model):
    """Layers below a call with `training=False` in the graph: frozen features keep their statistics in training too."""
    for node in [node for nodes in getattr(model, "_nodes_by_depth", {}).values() for node in nodes]:
        if not node.is_input and any(
            value is False for value in (node.call_kwargs.get("training"), *node.call_args[1:2])
        ):
            yield from node.layer._flatten_layers()
        elif isinstance(node.layer, keras.Model):
            yield from _held_in_inference(node.layer)


_NORMS = (keras.layers.BatchNormalization, keras.layers.experimental.SyncBatchNormalization)
_BN_MODES = {"inference": lambda model: [], "batch": batch_norms}
