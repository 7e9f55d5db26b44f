"""`find_mask` and `scores`: what they take, what they refuse, what they leave."""

import json
import logging
import pathlib

import keras_cv
import numpy as np
import pytest
import tf_keras as keras

from tests.conftest import make_data, make_mask, make_model, two_devices
from tfsparse.mask import Mask, prunable
from tfsparse.mask.mask_file import check_mask_file
from tfsparse.masks import METHODS, find_mask, scores
from tfsparse.masks.search import Ranking
from tfsparse.masks.start import begin
from tfsparse.recipe import prepare
from tfsparse.task import Task
from tfsparse.version import __version__


def test_unknown_names_and_options(model):
    with pytest.raises(ValueError, match=r"Unknown mask method 'snipp'\. Did you mean 'snip'\? Known: erk, "):
        find_mask(model, "snipp", sparsity=0.5)
    with pytest.raises(ValueError, match=r"'erk' has no option 'rounds'\. It takes: allocation=None, pattern=None"):
        find_mask(model, "erk(rounds=3)", sparsity=0.5)
    with pytest.raises(ValueError, match="'magnitude' has no option 'alocation'. Did you mean 'allocation'"):
        find_mask(model, "magnitude(alocation='erk')", sparsity=0.5)


@pytest.mark.parametrize("sparsity", [None, 1, -0.1, "0.5", float("nan")])
def test_sparsity_out_of_range(model, sparsity):
    with pytest.raises(ValueError, match=r"in \[0, 1\)"):
        find_mask(model, "magnitude", sparsity=sparsity)


def test_other_refusals(model):
    with pytest.raises(ValueError, match="leaves none of"):
        find_mask(model, "magnitude", sparsity=0.99999)
    with pytest.raises(ValueError, match="has no weights yet"):
        find_mask(keras.Sequential([keras.layers.Dense(2)]), "magnitude", sparsity=0.5)
    with (
        two_devices().scope(),
        pytest.raises(ValueError, match=r"outside strategy\.scope"),
    ):
        find_mask(model, "magnitude", sparsity=0.5)


def test_scores_are_what_is_ranked(model, task):
    for method in ("magnitude", "snip", "synflow(rounds=1)"):
        mask = find_mask(model, method, sparsity=0.7, task=task)
        found = scores(model, method, task)
        assert list(found) == list(mask)
        living = np.concatenate([found[path][mask[path]] for path in mask])
        dead = np.concatenate([found[path][~mask[path]] for path in mask])
        assert living.min() >= dead.max()
    assert set(scores(model, "magnitude", prunable="conv")) == {"stem/kernel", "conv1/kernel", "conv2/kernel"}
    for option in ("allocation='uniform'", "pattern='2:4'", "min_per_layer=1", "sanity='invert'"):
        with pytest.raises(ValueError, match=f"not what is kept: leave out {option.split('=')[0]}, or use find_mask"):
            scores(model, f"magnitude({option})")


@pytest.mark.parametrize("method", ["random", "erk"])
def test_methods_without_scores(model, method):
    with pytest.raises(ValueError, match=f"'{method}' ranks no scores"):
        scores(model, method)


def test_metadata(model, task):
    mask = find_mask(model, "snip(batches=2)", sparsity=0.75, task=task, seed=3)
    options = json.loads(mask.metadata.pop("options"))
    assert options == {"batches": 2, "rounds": 1, "bn_mode": "batch"}
    expected = {"method": "snip", "sparsity": "0.75", "seed": "3", "prunable": "all", "version": __version__}
    assert mask.metadata == expected


def test_the_seed_is_the_tasks_unless_given(model, data):
    task = Task(data, seed=5)
    assert find_mask(model, "random", sparsity=0.5, task=task) == find_mask(model, "random", sparsity=0.5, seed=5)
    assert find_mask(model, "random", sparsity=0.5) == find_mask(model, "random", sparsity=0.5, seed=0)
    assert find_mask(model, "random", sparsity=0.5) != find_mask(model, "random", sparsity=0.5, seed=5)


def test_a_mask_from_a_file(model, tmp_path, caplog):
    mask = make_mask(model)
    path = Mask(mask, {"method": "mine"}).save(tmp_path / "mask.safetensors")
    for given in (mask, path, str(path)):
        assert find_mask(model, given) == mask
        assert find_mask(model, given, sparsity=mask.sparsity) == mask
        with pytest.raises(ValueError, match="says itself which weights it is for: leave exclude='head' out"):
            find_mask(model, given, exclude="head")
    assert find_mask(model, pathlib.Path(path)).metadata == {"method": "mine"}
    with caplog.at_level(logging.WARNING, logger="tfsparse"):
        assert find_mask(model, path, sparsity=0.123) == mask
    assert "sparsity=0.123 is not used" in caplog.text


def test_masks_that_do_not_fit(model, tmp_path):
    with pytest.raises(ValueError, match="names no prunable weight"):
        find_mask(model, Mask({"other/kernel": [1]}))
    with pytest.raises(FileNotFoundError):
        find_mask(model, tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"mask")
    with pytest.raises(ValueError, match="is not a readable mask file"):
        find_mask(model, str(tmp_path / "bad.safetensors"))
    with pytest.raises(ValueError, match="leaves no weight at all"):
        find_mask(model, Mask({"head/kernel": np.zeros((8, 3))}))


def test_collapse_warns_with_the_names_and_strict_refuses(model):
    model.get_layer("conv1").kernel.assign(model.get_layer("conv1").kernel * 1e-9)
    with pytest.warns(UserWarning, match=r"1 of 5 layers are left without a weight: conv1/kernel\."):
        assert find_mask(model, "magnitude", sparsity=0.5).empty == ["conv1/kernel"]
    with pytest.raises(ValueError, match="without a weight: conv1/kernel"):
        find_mask(model, "magnitude", sparsity=0.5, strict=True)
    assert not find_mask(model, "magnitude(allocation='uniform')", sparsity=0.5, strict=True).empty


def test_random_budgets(model):
    uniform = find_mask(model, "random", sparsity=0.5)
    assert all(abs(array.mean() - 0.5) <= 1 / array.size for array in uniform.values())
    erk = find_mask(model, "erk", sparsity=0.5)
    assert erk == find_mask(model, "random(allocation='erk')", sparsity=0.5)
    assert erk["head/kernel"].mean() > erk["conv1/kernel"].mean()


def test_the_progress_bar_needs_a_terminal(model, capsys):
    find_mask(model, "synflow(rounds=3)", sparsity=0.5)
    assert capsys.readouterr() == ("", "")


def nested(_):
    inner = make_model("inner")
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, keras.layers.Dense(3, name="head")(inner(inputs)), name="outer")


def mobilenet(_):
    return keras.applications.MobileNet((32, 32, 3), alpha=0.25, weights=None, classes=3)


def keras_cv_nested(_):
    features = keras_cv.models.ResNetV2Backbone(
        stackwise_filters=[4, 8],
        stackwise_blocks=[2, 2],
        stackwise_strides=[1, 2],
        input_shape=(32, 32, 3),
        include_rescaling=True,
    )
    pool = keras.layers.GlobalAveragePooling2D()
    return keras.Sequential([features, pool, keras.layers.Dense(3, name="head")])


def test_a_prepared_model_has_no_mask_to_be_found(model, mask, task):
    """Ghosts have kernels, too, and were pruned."""
    with pytest.raises(ValueError, match="belongs to training, and no mask is for it: give the plain model"):
        find_mask(prepare(model, mask, "ghost_skips", task), "erk", sparsity=0.5)


@pytest.mark.filterwarnings("ignore:.*left without a weight")
@pytest.mark.parametrize("build", [nested, mobilenet, keras_cv_nested])
def test_models_of_others(build):
    images, labels = np.random.default_rng(0).normal(size=(8, 32, 32, 3)).astype("float32"), np.arange(8) % 3
    task = (
        Task(make_data())
        if build is nested
        else Task(type(make_data()).from_arrays(train=(images, labels), batch_size=8))
    )
    model = build(task)
    before = [variable.numpy().tobytes() for variable in model.variables]
    for method in ("magnitude", "snip", "synflow(rounds=3)"):
        mask = find_mask(model, method, sparsity=0.8, task=task)
        assert list(mask) == list(prunable(model))
        assert mask.live == round((1 - 0.8) * mask.total)
    assert [variable.numpy().tobytes() for variable in model.variables] == before


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_frozen_weights_are_named(dtype, caplog):
    """They are pruned like the others, and no training makes up for it."""
    keras.mixed_precision.set_global_policy(dtype)
    base = make_model("base", classes=4)
    model = keras.Sequential([base, keras.layers.Dense(3, name="head")])
    find_mask(model, "erk", sparsity=0.5)
    assert not caplog.records
    base.trainable = False
    find_mask(model, "erk", sparsity=0.5)
    (record,) = caplog.records
    assert record.getMessage().startswith("5 of the 6 weights to be pruned are frozen and cannot adapt")
    assert "exclude=['base'] leaves them alone" in record.getMessage()
    assert list(find_mask(model, "erk", sparsity=0.5, exclude=["base"])) == ["head/kernel"]
    base.trainable, base.get_layer("conv1").trainable = True, False
    find_mask(model, "erk", sparsity=0.5)
    assert "1 of the 6" in caplog.text and "exclude=['base/conv1/kernel']" in caplog.text
    assert len(caplog.records) == 2, "none where the frozen ones are excluded"


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (lambda weights: None, "gives a dict from weight path to array of scores, received None"),
        (lambda weights: {}, "'stem/kernel' has no scores"),
        (lambda weights: {**weights, "other": np.ones(3)}, "'other' is no weight to be pruned"),
        (
            lambda weights: {**weights, "conv1/kernel": None},
            r"'conv1/kernel' .* of shape \(3, 3, 4, 4\), received NoneType",
        ),
        (
            lambda weights: {**weights, "head/kernel": np.ones((3, 8))},
            r"'head/kernel' .* received float64 of shape \(3, 8\)",
        ),
        (lambda weights: {**weights, "head/kernel": np.ones((8, 3), object)}, "'head/kernel' .* received object"),
    ],
)
def test_scores_of_a_method_of_ones_own_are_looked_at(score, message, model, monkeypatch):
    """They ended in a division by zero, in an attribute of None, in a broadcast of NumPy's."""

    def own(search):
        return Ranking(lambda live: score({path: abs(variable.numpy()) for path, variable in search.weights.items()}))

    monkeypatch.setitem(METHODS, "own", own)
    for call in (lambda: find_mask(model, "own", sparsity=0.5), lambda: scores(model, "own")):
        with pytest.raises(ValueError, match=rf"\A[^\n]*{message}[^\n]*\Z"):
            call()


def test_a_pickle_is_no_method(model):
    for refuses in (lambda: find_mask(model, "theirs.pt"), lambda: check_mask_file("theirs.pt")):
        with pytest.raises(ValueError, match="theirs.pt is a pickle, or may be one: a program, which is not run here"):
            refuses()


def test_a_method_of_ones_own_that_is_none(model, monkeypatch):
    monkeypatch.setitem(METHODS, "own", lambda search, factor=2: dict(search.weights))
    with pytest.raises(TypeError, match="'own' must return a Ranking, received dict"):
        find_mask(model, "own", sparsity=0.5)
    with pytest.raises(
        ValueError, match=r"no option 'factor'. Only keyword-only arguments are options: put \*, before"
    ):
        find_mask(model, "own(factor=3)", sparsity=0.5)


def test_what_is_left_after_the_last_path_was_cut_falls_in_the_order_it_had(model, monkeypatch):
    """The search ended in an error about layers that are zero. The first round here leaves no path to the outputs."""
    found = {path: abs(variable.numpy()) for path, variable in prunable(model).items()}
    found["head/kernel"] = np.zeros((8, 3), "float32")

    def own(search):
        return Ranking(lambda live: {p: array * live["head/kernel"].any() for p, array in found.items()}, rounds=3)

    monkeypatch.setitem(METHODS, "own", own)
    with pytest.warns(UserWarning, match="without a weight: head/kernel"):
        mask = find_mask(model, "own", sparsity=0.8)
    ordered = np.sort(np.concatenate([array.ravel() for array in found.values()]))
    for path, array in found.items():
        np.testing.assert_array_equal(mask[path], array >= ordered[-mask.live])
    assert mask.empty == ["head/kernel"]


def test_numbers_of_numpy_are_kept_as_numbers(model):
    start = begin(model, "synflow", sparsity=np.float32(0.5), seed=np.int64(3), further={"rounds": np.int64(2)})
    facts = json.loads(json.dumps(start.fingerprint()))
    assert (facts["sparsity"], facts["seed"], json.loads(facts["options"])["rounds"]) == (0.5, 3, 2)


@pytest.mark.parametrize("seed", [-1, 0.5, "1"])
def test_a_seed_is_a_whole_number(seed, model):
    with pytest.raises(ValueError, match="seed must be a whole number of at least 0"):
        find_mask(model, "random", sparsity=0.5, seed=seed)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_weights_of_half_precision_have_masks(dtype):
    model = keras.Sequential([keras.layers.Dense(6, input_shape=(4,), dtype=dtype), keras.layers.Dense(2, dtype=dtype)])
    assert find_mask(model, "magnitude", sparsity=0.5).live == 18
