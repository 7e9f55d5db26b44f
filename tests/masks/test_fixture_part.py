"""Parity with the reference on the part of its fixtures that comes with the repository."""

import numpy as np
import pytest

from tests import fixtures_net
from tfsparse.masks import find_mask, scores

METHODS = {"mag": "magnitude", "synflow_eval_n100": "synflow", "synflow_eval_n1": "synflow(rounds=1)"}


@pytest.fixture(scope="module")
def net():
    arrays, meta = fixtures_net.load("sf_resnet20_w8_part", fixtures_net.DATA)
    return arrays, meta, *fixtures_net.build(meta, arrays)


@pytest.mark.filterwarnings("ignore:.*left without a weight")
@pytest.mark.parametrize("mask_id", ["mag_s0.90", "mag_s0.98", "synflow_eval_n100_s0.98", "synflow_eval_n1_s0.98"])
def test_masks(net, mask_id):
    arrays, meta, model, places = net
    info = meta["masks"][mask_id]
    mask = find_mask(model, METHODS[mask_id.rsplit("_", 1)[0]], sparsity=1 - info["density"])
    bits = np.unpackbits(arrays[f"mask/{mask_id}"])
    differing = 0
    for layer, path in places.items():
        shape = arrays[f"param/{layer}.weight"].shape
        own, bits = np.split(bits, [np.prod(shape)])
        differing += np.count_nonzero(mask[path] != fixtures_net.to_keras(own.reshape(shape)))
    assert differing == info["kept"] - mask.live  # the reference rounds down what goes, and may keep one more


def test_synflow_of_each_layer(net):
    arrays, _, model, places = net
    found = scores(model, "synflow")
    ours = [found[path].sum() for path in places.values()]
    np.testing.assert_allclose(ours, arrays["score_layer_sum/synflow_eval_it1"], rtol=1e-6)
