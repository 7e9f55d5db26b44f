"""What `fit` needs of us: dead weights have no gradients, and ghosts leave the graph when their strength is 0."""

import tf_keras as keras

from tfsparse.mask import MaskGradients
from tfsparse.recipe.strength import Ghost, Strength


def callbacks(prepared):
    """Keras callbacks for training a prepared model with `fit`.

    `GhostsLeave` saves the work of ghosts that have faded, and changes no number. `MaskGradients` keeps the gradients of
    dead weights from the optimizer: where it clips by a norm, or averages weights (`use_ema`), they would count.

    Args:
        prepared: model from `prepare`.

    Returns:
        List of Keras callbacks.
    """
    ghosts = any(isinstance(layer, Strength) for layer in prepared.layers)
    return [MaskGradients(), GhostsLeave()] if ghosts else [MaskGradients()]


def ghosts_leave(model):
    """Takes ghosts whose strength is 0 out of what `model` executes from the next tracing on.

    In a custom loop call it after each epoch; if it returns True, make your `tf.function` anew.

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
    """Has the training graph made anew, without them, before the first batch for which ghosts have faded.

    At the end of an epoch the logs get one entry per kind of ghost (`ghost_skips`, `ghost_neurons`), its strength.
    """

    def on_train_begin(self, logs=None):
        self._clocks = clocks(self.model)  # once: looking through all layers is too much for every batch
        self._update()

    def on_epoch_begin(self, epoch, logs=None):
        # Reading the counter waits for the device; once an epoch is enough, between we count along.
        self._start = {name: clock.count for name, clock in self._clocks.items()}

    def on_train_batch_begin(self, batch, logs=None):
        # Not at the end of the one before: Keras' TensorBoard reads the graph of the first batch there.
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
        # A constant ghost is never done, but there is nothing to look for either.
        self._done |= {name for name, clock in self._clocks.items() if clock.hand_over == "constant"}
