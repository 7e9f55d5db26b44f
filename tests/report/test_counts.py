"""The counts in `metrics.json` are of the weights that the mask covers."""

from tests.conftest import make_mask, make_model
from tfsparse.mask import Mask, prunable
from tfsparse.mask.sparsify import apply_mask
from tfsparse.report import metrics


def test_what_the_mask_does_not_cover_is_no_prunable_weight():
    model = make_model()
    whole = make_mask(model)
    for mask in (whole, Mask({path: array for path, array in whole.items() if "conv" in path})):
        sparse = apply_mask(make_model(), mask)
        found = metrics(sparse, mask, None, 1, {}, prunable(sparse))
        assert found["prunable_weights"] == mask.total and found["live_weights"] == mask.live
        assert found["nonzero_prunable_weights"] == mask.live
        assert found["sparsity"] == 1 - found["live_weights"] / found["prunable_weights"]
    dense = metrics(model, None, None, 1, {}, prunable(model))
    assert dense["prunable_weights"] == sum(variable.shape.num_elements() for variable in prunable(model).values())
