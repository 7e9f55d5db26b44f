"""Exports without the channels that a mask has killed: smaller, the same function, every zero accounted for."""

import importlib
import json

import numpy as np
import pytest
import tf_keras as keras

import tfsparse as ts
from tests.compaction import random_nets
from tests.conftest import slow
from tests.export.export_networks import FORMATS, data, keras_probabilities, network, pictures, sparse
from tfsparse import paths
from tfsparse.export import EXPORTERS, ExportError, assert_sparsity, export_model, load_exported

export_model_file = importlib.import_module("tfsparse.export.export_model")  # the function has the file's name


def chain(first=0):
    """Convolutions whose middle one lost half of its filters, each with a norm that still adds something."""
    layers, random = keras.layers, np.random.default_rng(first)
    model = keras.Sequential([layers.Input((8, 8, 3))])
    for index in range(3):
        model.add(layers.Conv2D(16, 3, padding="same", use_bias=False, name=f"conv{index}"))
        model.add(layers.BatchNormalization(name=f"norm{index}"))
        model.add(layers.ReLU())
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(4, name="head"))
    mask = {}
    for path, variable in paths.weights(model).items():
        value = random.normal(size=variable.shape)
        if path.endswith("moving_variance"):
            value = np.abs(value) + 0.5
        if path.endswith("kernel"):
            mask[path] = random.random(variable.shape) < 0.5
            if path.startswith("conv1"):
                mask[path][..., ::2] = False
            value = value * mask[path] * (0.3 if path.startswith("conv") else 1)
        variable.assign(value)
    return model, mask


@pytest.mark.parametrize("format", [*FORMATS, "tflite(dtype='float16')"])
def test_dead_channels_are_not_in_the_file(format, tmp_path):
    model, mask = chain()
    small = export_model(model, format, tmp_path / "small", mask=mask, data=data())
    large = export_model(model, format, tmp_path / "large", mask=mask, data=data(), compact=False)
    assert small.channels == (52, 45) and large.channels is None  # one carries the constants of the other eight
    assert small.parameters[1] < small.parameters[0] and small.flops[1] < small.flops[0]
    assert small.bytes < large.bytes
    tolerance = 1e-2 if "float16" in format else 1e-5
    expected = keras_probabilities(model, pictures())
    np.testing.assert_allclose(load_exported(small.path)(pictures()), expected, atol=tolerance)
    assert assert_sparsity(large.path, mask) == sum(int((~live).sum()) for live in mask.values())
    assert 0 < assert_sparsity(small.path, mask) < assert_sparsity(large.path, mask)
    other = {name: np.roll(live, 1, 0) for name, live in mask.items()}
    with pytest.raises((AssertionError, ValueError), match="Zeros are lost|holds no weight"):
        assert_sparsity(small.path, other)


def test_a_file_without_its_card_or_with_a_changed_one_is_not_vouched_for(tmp_path):
    model, mask = chain()
    path = export_model(model, "tflite", tmp_path / "small", mask=mask, data=data()).path
    card = path.with_name(path.name + ".card.json")
    content = card.read_text()
    card.unlink()
    with pytest.raises(ValueError, match="no model card"):
        assert_sparsity(path, mask)
    card.write_text(content.replace('"sha256": {', '"sha256": {"other": "0",'))
    with pytest.raises(ValueError, match="is not the file"):
        assert_sparsity(path, mask)
    card.write_text("{}")
    with pytest.raises(ValueError, match="no model card"):
        assert_sparsity(path, mask)


@pytest.mark.parametrize("seed", [0, *(slow(seed) for seed in range(1, 6))])
@pytest.mark.parametrize("format", ["tflite", "saved_model"])
def test_random_networks(format, seed, tmp_path):
    model = random_nets.network(seed)
    mask = random_nets.mask(model, seed)
    result = export_model(model, format, tmp_path / "mine", mask=mask)
    assert result.max_difference < 1e-5 and result.parameters[1] <= result.parameters[0]
    assert_sparsity(result.path, mask)


def test_the_card_says_what_the_file_is(tmp_path):
    model, mask = chain()
    facts = {"data": "digits", "mask": "snip", "sparsity": 0.5, "metrics": {"test_accuracy": 0.75}}
    path = export_model(model, "tflite", tmp_path / "mine", mask=mask, data=data(), card=facts).path
    card = json.loads(path.with_name("mine.tflite.card.json").read_text())
    assert card["training"] == facts and card["bytes"] == path.stat().st_size
    assert card["sha256"] == {"mine.tflite": card["sha256"]["mine.tflite"]} and len(card["sha256"]["mine.tflite"]) == 64
    assert card["class_names"] == list("abcd") and card["versions"]["tfsparse"] == ts.__version__
    text = path.with_name("mine.tflite.card.md").read_text()
    for expected in (
        "# mine.tflite",
        "45 of 52",
        "| data | digits |",
        "## Metrics",
        "| test accuracy | 0.75 |",
        "python ",
    ):
        assert expected in text, text


def test_a_card_is_readable_and_whole_or_nothing_is_written(tmp_path):
    facts = {"accuracy": np.float32(0.5), "metrics": {"seeds": np.arange(2), "best": (np.int64(1), None)}}
    path = export_model(network(), "tflite", tmp_path / "mine", data=data(), card=facts).path
    files = {file: file.read_bytes() for file in tmp_path.iterdir()}
    card = json.loads(path.with_name("mine.tflite.card.json").read_text())
    assert card["training"] == {"accuracy": 0.5, "metrics": {"seeds": [0, 1], "best": [1, None]}}
    for wrong, message in (
        ({"a": {"b": [print]}}, r"card\['a'\]\['b'\] is a builtin_function"),
        ("text", "a dict of facts"),
    ):
        with pytest.raises(ValueError, match=message):
            export_model(network(), "tflite", path, data=data(), card=wrong)
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == files


def test_a_card_is_gone_before_the_file_that_it_describes(tmp_path, monkeypatch):
    path = export_model(network(), "tflite", tmp_path / "mine", data=data()).path

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(export_model_file, "write_card", killed)
    with pytest.raises(KeyboardInterrupt):
        export_model(network(), "tflite", path, data=data())
    assert list(tmp_path.iterdir()) == [path]


def test_a_difference_that_came_with_the_channels_taken_out_says_so(tmp_path, monkeypatch):
    model, mask = chain()
    wrong = staticmethod(lambda path: lambda images: np.zeros((len(images), 4)))
    monkeypatch.setattr(EXPORTERS["tflite"], "load", wrong)
    for compact in (True, False):
        with pytest.raises(ExportError, match="differ from") as error:
            export_model(model, "tflite", tmp_path / "mine", mask=mask, data=data(), compact=compact)
        assert ("compact=False leaves them in" in str(error.value)) == compact


def test_model_and_mask(tmp_path):
    model = network()
    mask = sparse(model)
    assert ts.assert_sparsity(model, mask) == sum(int((~live).sum()) for live in mask.values())
    model.get_layer("classifier").kernel.assign_add(np.full((8, 4), 0.1))
    with pytest.raises(AssertionError, match="classifier/kernel"):
        ts.assert_sparsity(model, mask)
    with pytest.raises(ValueError, match="another architecture"):
        ts.assert_sparsity(model, {"nowhere/kernel": np.ones((1, 2), bool)})


def test_int8_needs_training_images_and_says_so_before_it_writes(tmp_path):
    model = network()
    with pytest.raises(ValueError, match="calibrated on training images"):
        export_model(model, "tflite(dtype='int8')", tmp_path / "mine", data=data())
    with pytest.raises(ValueError, match="Known: float16, float32, int8|'int8'"):
        export_model(model, "tflite(dtype='int4')", tmp_path / "mine", data=data())
    assert not list(tmp_path.iterdir())


def test_an_operation_that_tflite_lacks_is_named(tmp_path):
    images = keras.Input((4, 4, 3))
    x = keras.layers.Lambda(lambda x: __import__("tensorflow").math.erfinv(x * 1e-3))(images)
    model = keras.Model(images, keras.layers.Dense(3)(keras.layers.Flatten()(x)))
    with pytest.raises(ExportError, match=r"has no tf\.Erfinv"):
        export_model(model, "tflite", tmp_path / "mine")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="Choose another path"):
        export_model(network(), "tflite", tmp_path / "file" / "mine")
