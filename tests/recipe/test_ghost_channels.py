"""Ghosts feed only channels that the inputs reach through live weights."""

import numpy as np
import tf_keras as keras

from tests.conftest import make_model
from tests.recipe.ghosts import ghosts_of
from tfsparse.mask import Mask, prunable
from tfsparse.recipe import GhostSkips, prepare

K = keras.layers


def killing(model, filters):
    """All weights live but those of some filters of `conv1`."""
    arrays = {path: np.ones(variable.shape, bool) for path, variable in prunable(model).items()}
    arrays["conv1/kernel"][..., filters] = False
    return Mask(arrays)


def test_dead_channels_get_no_ghost(task):
    """Nor those whose filters read dead channels only: when the ghost has left, both are constants."""
    model = make_model()
    reads = np.ones((3, 3, 4, 4), bool)
    reads[:, :, [1, 3], 0] = False  # the first filter of conv2 reads what conv1 has lost
    mask = {**killing(model, [0, 2]), "conv2/kernel": reads}
    prepared = prepare(model, mask, GhostSkips(hand_over="constant"), task)
    x = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype("float32")
    loaded = keras.models.model_from_json(prepared.to_json())
    loaded.set_weights(prepared.get_weights())
    for model in (prepared, loaded):
        for layer, norm, dead in (("conv1", "norm1", [0, 2]), ("conv2", "norm2", [0])):
            fed = keras.Model(model.inputs, [model.get_layer(name).output for name in (norm, f"{layer}/ghost_skip")])
            before, after = (tensor.numpy() for tensor in fed(x, training=True))
            changed = np.abs(after - before).max((0, 1, 2)) > 0
            assert np.flatnonzero(~changed).tolist() == dead


def test_a_resumed_training_feeds_the_same_channels(task):
    mask = killing(make_model(), [1])
    first, resumed = (prepare(make_model(), mask, "ghost_skips", task, initialize=fresh) for fresh in (True, False))
    assert (
        [g.live for g in ghosts_of(first)] == [g.live for g in ghosts_of(resumed)] == [(True, False, True, True), None]
    )


def test_a_shared_convolution_is_fed_where_any_of_its_calls_is_reached(task):
    x = keras.Input((8, 8, 3))
    shared = K.Conv2D(3, 3, padding="same", name="shared")
    model = keras.Model(x, shared(K.ReLU()(shared(x))))
    live = np.zeros((3, 3, 3, 3), bool)
    live[1, 1, 0, 1] = live[1, 1, 1, 2] = True  # the second call reaches the last filter only
    (ghost,) = ghosts_of(prepare(model, {"shared/kernel": live}, "ghost_skips", task))
    assert ghost.live == (False, True, True)
