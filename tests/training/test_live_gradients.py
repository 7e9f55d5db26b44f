"""Only the gradients of live weights travel, and nothing else changes."""

import numpy as np
import pytest
import tf_keras as keras

from tests.conftest import dead, make_data, make_mask, make_model, slow, two_devices
from tfsparse.experiment import train
from tfsparse.mask import sparsify
from tfsparse.task import Task
from tfsparse.training.live_gradients import exchange_live_only


@pytest.mark.parametrize("dtype", [slow(None), "mixed_float16"])
def test_the_same_network_is_trained(dtype):
    weights = []
    for live in (False, True):
        keras.utils.set_random_seed(0)
        model, task = make_model(), Task(make_data(), epochs=2, learning_rate=0.05)
        mask, settings = make_mask(model), {"strategy": two_devices(), "dtype": dtype, "verbose": 0}
        train(model, task, mask, "ghost_skips(share=0.5)", live_gradients=live, **settings)
        assert dead(model, mask) == 0
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_what_travels(model, mask):
    sparse, sent = sparsify(model, mask), []
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.aggregate_gradients = lambda pairs: sent.extend(pairs) or pairs
    count, total = exchange_live_only(optimizer, sparse)
    with_gradients = [(np.ones(v.shape, "float32"), v) for v in sparse.trainable_variables]
    back = optimizer.aggregate_gradients([*with_gradients[:-1], (None, with_gradients[-1][1])])
    sizes = sum(np.size(gradient) for gradient, _ in sent if gradient is not None) + np.size(with_gradients[-1][0])
    assert (count, total) == (sizes, sum(np.size(gradient) for gradient, _ in with_gradients))
    assert total - count == sum(array.size - array.sum() for array in mask.values())
    assert back[-1][0] is None
    assert sum(float(np.sum(gradient)) for gradient, _ in back[:-1]) == count - np.size(with_gradients[-1][0])
