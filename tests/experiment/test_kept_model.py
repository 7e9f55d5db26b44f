"""The model that a run keeps is of its mask and its network, or it is refused whole."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.conftest import make_data, started
from tfsparse.experiment.kept_model import keep_model, kept_shapes, load_kept
from tfsparse.mask import Mask


@pytest.fixture
def kept(tmp_path, model, mask):
    path = tmp_path / "model.safetensors"
    keep_model(path, model, mask, make_data(16))
    return path


def shifted(model):
    model.set_weights([array + 1 for array in model.get_weights()])
    return model


def test_the_weights_come_back_to_the_bit(kept, model, mask):
    other = shifted(started())
    load_kept(kept, other, mask)
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert (kept_shapes(kept).input_shape, kept_shapes(kept).num_classes) == ((8, 8, 3), 3)


@pytest.mark.parametrize("other", ["a mask with one more weight", "none"])
def test_another_mask_is_refused(other, kept, model, mask):
    changed = {name: array.copy() for name, array in mask.items()}
    next(iter(changed.values())).flat[np.argmin(next(iter(changed.values())))] = True
    with pytest.raises(ValueError, match=r"model.safetensors is of a model that was trained with another mask"):
        load_kept(kept, model, None if other == "none" else Mask(changed))


def change(path, drop=None, metadata=True, **arrays):
    kept = {name: array for name, array in {**load_file(path), **arrays}.items() if name != drop}
    facts = {"input_shape": "[8, 8, 3]", "num_classes": "3", "mask": json.dumps(metadata)}
    save_file(kept, path, metadata=facts if metadata else None)


@pytest.mark.parametrize(
    "changes", [{"drop": "head/bias"}, {"head/bias": np.zeros(4, "float32")}], ids=["lost", "of another shape"]
)
def test_another_network_is_refused_whole(changes, kept, mask):
    change(kept, metadata=mask.digest, **changes)
    other = shifted(started())
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"(?s)damaged or of another model .*head/bias.* Delete it"):
        load_kept(kept, other, mask)
    for one, two in zip(before, other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_file_that_does_not_say_what_it_is_for(kept):
    change(kept, metadata=None)
    with pytest.raises(ValueError, match="does not say what images and classes its model is for. Delete it"):
        kept_shapes(kept)
    kept.write_bytes(b"damaged")
    with pytest.raises(ValueError, match="model.safetensors cannot be read: it is damaged"):
        kept_shapes(kept)
