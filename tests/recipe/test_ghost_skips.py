"""How ghosts start, decay and leave."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import make_model
from tests.recipe.ghosts import ghosts_of
from tfsparse.recipe import GhostSkips, prepare
from tfsparse.task import Task
from tfsparse.training import Settings
from tfsparse.training.ready import make_ready


def test_a_ghost_that_left_has_no_part(task):
    prepared = prepare(make_model(), None, GhostSkips(hand_over="constant", fill=1.0), task)
    ghosts = ghosts_of(prepared)
    x = np.ones((2, 8, 8, 3), "float32")
    assert len(ghosts) == 2 and np.abs(prepared(x) - make_model()(x)).max() > 0
    for ghost in ghosts:
        ghost.leave()
    assert not any("ghost" in variable.name for variable in prepared.trainable_variables)
    u = tf.random.normal((2, 8, 8, 4))
    np.testing.assert_array_equal(ghosts[0]([u, u, tf.constant(1.0)]), u)


@pytest.mark.parametrize("decays", [True, False])
@pytest.mark.parametrize("dtype", [None, "mixed_float16"])
def test_ghosts_decay_or_do_not(decays, dtype, task):
    prepared = prepare(make_model(), None, f"ghost_skips(decays={decays})", task, dtype=dtype)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    task = dataclasses.replace(task, weight_decay=0.25)
    optimizer = make_ready(prepared, task, loss, loss, Settings(dtype=dtype))
    before = {v.ref(): v.numpy() for v in prepared.trainable_variables}
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    inner.apply_gradients([(tf.zeros(v.shape), v) for v in prepared.trainable_variables])
    ghosts = {v.ref() for layer in ghosts_of(prepared) for v in layer.trainable_variables}
    assert ghosts
    for variable in prepared.trainable_variables:
        if before[variable.ref()].any():
            changed = not np.array_equal(variable.numpy(), before[variable.ref()])
            assert changed == (decays or variable.ref() not in ghosts), variable.name


def kernels(prepared):
    return [ghost.convolution.kernel.numpy() for ghost in ghosts_of(prepared)]


@pytest.mark.parametrize(("fill", "thrown"), [(None, False), (1e-4, True)])
def test_the_first_step_throws_tiny_ghosts_far(data, fill, thrown):
    """Behind a norm, a kernel many times its size is hardly turned any more: what it points to is the first gradient."""
    prepared = prepare(make_model(), None, GhostSkips(share=1.0, fill=fill), Task(data, epochs=1))
    before = kernels(prepared)
    prepared.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    prepared.train_on_batch(*next(iter(data.train)))
    growth = [np.linalg.norm(new) / np.linalg.norm(old) for new, old in zip(kernels(prepared), before, strict=True)]
    assert min(growth) > 10 if thrown else max(growth) < 1.1


def test_ghosts_start_from_the_tasks_seed_and_differ_from_each_other(task):
    """A process that goes on draws the same whatever its own random state; runs of several seeds shared one draw."""
    starts = []
    for process, seed in ((0, 0), (1, 0), (1, 1), (1, (1 << 32) - 1)):
        keras.utils.set_random_seed(process)
        starts.append(kernels(prepare(make_model(), None, "ghost_skips", dataclasses.replace(task, seed=seed))))
    np.testing.assert_array_equal(starts[0], starts[1])
    drawn = [kernel for pair in starts[1:] for kernel in pair]
    assert len({kernel.tobytes() for kernel in drawn}) == len(drawn) and len({kernel.shape for kernel in drawn}) == 1


def test_the_gain_is_that_of_the_start(task):
    whole, small = (kernels(prepare(make_model(), None, f"ghost_skips(gain={gain})", task)) for gain in (1, 0.25))
    for one, other in zip(whole, small, strict=True):
        np.testing.assert_allclose(other, 0.25 * one, rtol=1e-6)
        assert np.std(one) == pytest.approx(np.sqrt(2 / one.shape[2]), rel=0.5)
    for options, said in (
        ({"gain": 0}, "gain must be a number in .0, inf., received 0"),
        ({"gain": 0.5, "fill": 0.1}, "not both"),
    ):
        with pytest.raises(ValueError, match=said):
            GhostSkips(**options)
