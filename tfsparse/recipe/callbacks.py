"""What `fit` needs from us: dead weights get no gradients, and ghosts leave the graph when their strength is 0."""

import tf_keras as keras

from tfsparse.mask import MaskGradients
from tfsparse.recipe.strength import Ghost, Strength


def callbacks(prepared):
    """Keras callbacks for training a prepared model with `fit`.

    `GhostsLeave` saves the work of computing faded ghosts, and changes no number. `MaskGradients` keeps the gradients of
    dead weights from the optimizer: they would count if it clips by a norm or averages weights (`use_ema`).

    Args:
        prepared: model from `prepare`.

    Returns:
        List of Keras callbacks.
    """
    ghosts = any(isinstance(layer, Strength) for layer in prepared.layers)
    return [MaskGradients(), GhostsLeave()] if ghosts else [MaskGradients()]


def ghosts_leave(model):
    """Removes ghosts whose strength is 0 from what `model` executes, from the next tracing on.

    In a custom loop, call it after each epoch; if it returns True, create your `tf.function` again.

    Returns:
        True if any ghost left.
    """
    left = False
    for clock in clocks(model).values():
        ghosts = [layer for layer in model.layers if isinstance(layer, Ghost) and layer.clock == clock.name]
        if clock.now == 0.0 and not all(ghost.gone for ghost in ghosts):
            for ghost in ghosts:
                ghost.leave()
            left = True
    return left


def clocks(model):
    """The `Strength` layers of a prepared model, by name."""
    return {layer.name: layer for layer in model.layers if isinstance(layer, Strength)}


class GhostsLeave(keras.callbacks.Callback):
    """Has the training graph rebuilt without ghosts, before the first batch for which they have faded.

    At the end of an epoch the logs get one entry per kind of ghost (`ghost_skips`, `ghost_neurons`): its strength.
    """

    def on_train_begin(self, logs=None):
        self._clocks = clocks(self.model)  # once: looking through all layers is too much for every batch
        self._update()

    def on_epoch_begin(self, epoch, logs=None):
        # Reading the counter waits for the device: it is read once an epoch, and in between we count along.
        self._start = {name: clock.count for name, clock in self._clocks.items()}

    def on_train_batch_begin(self, batch, logs=None):
        # Not at the end of the batch before: Keras' TensorBoard reads the graph of the first batch there.
        for name, clock in self._clocks.items():
            if name not in self._done and self._start[name] + batch >= clock.steps:
                self._update()

    def on_epoch_end(self, epoch, logs=None):
        self._update()  # the last batch has no next one
        if logs is not None:
            logs.update({name: clock.now for name, clock in self._clocks.items()})

    def _update(self):
        if ghosts_leave(self.model):
            self.model.make_train_function(force=True)
            self.model.test_function = self.model.predict_function = None  # traced with the ghosts in
        self._done = {name for name, clock in self._clocks.items() if clock.now == 0.0}
        # A constant ghost never fades, so there is nothing to wait for.
        self._done |= {name for name, clock in self._clocks.items() if clock.hand_over == "constant"}
