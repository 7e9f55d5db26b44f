"""Budgets of layers: balanced, smart_ratio, copied, lower limits."""

import numpy as np
import pytest

from tests.conftest import make_data, make_mask
from tests.masks.test_allocate import resnet20_shapes
from tfsparse.mask import export_mask
from tfsparse.masks import Choices, find_mask, read_method
from tfsparse.masks.allocations import ALLOCATIONS, budgets, find_allocation
from tfsparse.models import build_model


def sizes(shapes):
    return {path: int(np.prod(shape)) for path, shape in shapes.items()}


def test_balanced_gives_every_layer_the_same_number_as_far_as_it_has_room():
    shapes = resnet20_shapes()
    counts = budgets(ALLOCATIONS["balanced"], shapes, 26_834)
    assert sum(counts.values()) == 26_834
    assert counts["conv1"] == 432 and counts["fc"] == 640  # both smaller than their share
    others = [counts[path] for path in shapes if path not in ("conv1", "fc")]
    assert max(others) - min(others) <= 1


@pytest.mark.parametrize("vgg", [False, True])
def test_smart_ratio_falls_with_depth(vgg):
    shapes = resnet20_shapes()
    counts = budgets(find_allocation(f"smart_ratio(vgg={vgg})"), shapes, 26_834)
    density = np.array([counts[path] / size for path, size in sizes(shapes).items()])
    assert sum(counts.values()) == 26_834
    assert density[-1] == pytest.approx(0.3, abs=1 / 640)
    left = np.arange(20, 1, -1)  # L - l + 1 for l = 1 .. L - 1, L = 20
    expected = (left**2 + left) / (np.arange(1, 20) ** 2 if vgg else 1)
    sparse = density[:-1] < 0.99
    ratio = density[:-1][sparse] / expected[sparse]
    np.testing.assert_allclose(ratio, ratio.mean(), rtol=0.02)


@pytest.mark.parametrize("excluded", ["classifier", "all but convolutions"])
def test_smart_ratio_without_a_classifier_falls_with_depth_to_the_end(excluded):
    model = build_model("resnet18(width=0.5)", make_data(classes=10))
    options = {"exclude": "classifier"} if excluded == "classifier" else {"prunable": "conv"}
    mask = find_mask(model, "random(allocation='smart_ratio')", sparsity=0.95, **options)
    density = np.array([array.mean() for array in mask.values()])
    left = np.arange(20, 0, -1)
    assert len(density) == 20 and not mask.empty
    sparse = density < 0.99
    np.testing.assert_allclose(density[sparse] / density[-1], ((left**2 + left) / 2)[sparse], rtol=0.05)


def test_smart_ratio_at_the_ends():
    shapes = resnet20_shapes()
    counts = budgets(ALLOCATIONS["smart_ratio"], shapes, 190)
    assert counts["fc"] == 95 and min(counts.values()) >= 1, "three tenths of the classifier would be 192"
    for count in (1, 100, 268_336):
        assert sum(budgets(ALLOCATIONS["smart_ratio"], shapes, count).values()) == count
    with pytest.raises(ValueError, match=r"classifier must be a number in \(0, 1\], a share; received 3"):
        ALLOCATIONS["smart_ratio"](shapes, 10, classifier=3)


def test_copied_from_a_mask_or_its_file(model, tmp_path):
    source = make_mask(model)
    path = source.save(tmp_path / "source.safetensors")
    theirs = export_mask(source, model, tmp_path / "theirs.npz")  # PyTorch's layout: a model tells how to read it
    copies = [
        find_mask(model, "random", allocation=source),
        find_mask(model, f"random(allocation='{path}')", sparsity=source.sparsity),
        find_mask(model, f"random(allocation='{theirs}')"),
        find_mask(model, "random", allocation=theirs),
    ]
    for mask in copies:
        assert {name: array.sum() for name, array in mask.items()} == {n: a.sum() for n, a in source.items()}
        assert mask != source
    half = find_mask(model, "random", allocation=source, sparsity=1 - source.live / source.total / 2)
    for name, array in half.items():
        assert abs(array.sum() - source[name].sum() / 2) <= 1
    for suffix in (".safetensors", ".npz"):
        with pytest.raises(FileNotFoundError):
            read_method(f"random(allocation='nowhere{suffix}')")
    with pytest.raises(ValueError, match="says nothing of 'stem/kernel'"):
        find_mask(model, "random", allocation=find_mask(model, "erk", sparsity=0.5, exclude="stem"), sparsity=0.5)


@pytest.mark.parametrize("allocation", sorted(ALLOCATIONS))
@pytest.mark.parametrize("sparsity", [0.3, 0.9, 0.97])
def test_every_layer_keeps_its_least(model, allocation, sparsity):
    mask = find_mask(model, "magnitude", sparsity=sparsity, allocation=allocation, min_per_layer=2.0)
    assert mask.live == round((1 - sparsity) * mask.total)
    assert all(array.sum() >= 2 for array in mask.values())


def test_refused_lower_limits(model):
    with pytest.raises(ValueError, match="min_per_layer=90 needs 326 live weights; sparsity=0.9 leaves 45"):
        find_mask(model, "magnitude(min_per_layer=90)", sparsity=0.9)
    with pytest.raises(ValueError, match="min_per_layer must be a whole number of at least 0, received -1"):
        find_mask(model, "magnitude(min_per_layer=-1)", sparsity=0.9)


def test_unknown_allocations(model):
    for empty in ("", 0, {}):  # were taken for None
        with pytest.raises(ValueError, match=f"Unknown allocation '{empty}'"):
            Choices(allocation=empty)
    with pytest.raises(ValueError, match="smart_ratio's classifier must be a number in .* received None"):
        find_mask(model, "random(allocation='smart_ratio(classifier=None)')", sparsity=0.5)
    with pytest.raises(ValueError, match="Unknown allocation 'ekr'. Did you mean 'erk'"):
        find_mask(model, "random(allocation='ekr')", sparsity=0.5)
    with pytest.raises(ValueError, match="has no option 'share'. It takes: classifier=0.3, vgg=False"):
        find_mask(model, "random(allocation='smart_ratio(share=1)')", sparsity=0.5)
