"""What the scripts do with a finished run, in one walk: evaluate it, export it again, add a format."""

import dataclasses
import json
import shlex
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.conftest import make_data
from tfsparse import paths
from tfsparse.data import load_data
from tfsparse.experiment import (
    Experiment,
    RunFolder,
    evaluate_files,
    examine,
    export_run,
    finished,
    load_run,
    open_run,
    run,
    run_experiment,
    stages,
)
from tfsparse.export import ExportError, export_model
from tfsparse.mask import Mask
from tfsparse.models import build_model
from tfsparse.report import accuracy
from tfsparse.task import Data
from tfsparse.training.weights_file import arrays_of, save_weights


def brighter(digits, name):
    """Digits on gray paper, normalised by numbers of their own; `"wide"`: of another size."""
    images, labels = next(iter(digits.test.unbatch().batch(200)))
    images = np.clip(digits.stored(images).astype("int64") + 90, 0, 255).astype("uint8")
    images = np.pad(images, ((0, 0), (4, 4), (0, 0), (0, 0))) if name == "wide" else images
    pair = (images, labels.numpy())
    return Data.from_arrays(train=pair, test=pair, num_classes=10, batch_size=50, mean=(1.0,), std=(9.0,), name=name)


def check_loaded(folder, numbers, monkeypatch):
    """The model of a run comes back from either of its files, from the first of them without any data."""
    with monkeypatch.context() as patch:
        patch.setattr(stages, "load_data", None)
        shutil.move(folder.checkpoints, folder.path / "aside")
        model, mask = load_run(folder.path)
        save_weights(folder.best, {name: array + 1 for name, array in arrays_of(paths.weights(model)).items()})
        best, _ = load_run(folder.path, best=True)
        shutil.move(folder.path / "aside", folder.checkpoints)
    assert accuracy(model, load_data("digits").test) == numbers["test_accuracy"]
    assert mask.digest == Mask.load(folder.mask).digest
    folder.model.unlink()
    others = [best.get_weights(), load_run(folder.path)[0].get_weights()]
    for array, one_more, from_checkpoints in zip(model.get_weights(), *others, strict=True):
        np.testing.assert_array_equal(array + 1, one_more)
        np.testing.assert_array_equal(array, from_checkpoints)
    folder.best.unlink()
    with pytest.raises(ValueError, match="has no best.safetensors: no epoch was both validated and without ghosts"):
        load_run(folder.path, best=True)


def test_a_finished_run_is_evaluated_and_exported(tmp_path, monkeypatch):
    settings = {"model": "resnet8(width=0.25)", "mask": "erk", "recipe": "none", "batch_size": 256, "epochs": 1}
    experiment = Experiment(output_dir=str(tmp_path), run_name="run", export="saved_model", **settings)
    numbers = run_experiment(experiment)
    assert numbers["files"] == ["saved_model"]
    with monkeypatch.context() as patch:
        patch.setattr(stages, "train", None)  # the trained model lies there: nothing is prepared anew
        rows = evaluate_files(tmp_path / "run", "test")
    assert rows["model"] == rows["saved_model"] == numbers["test_accuracy"]
    result = export_run(tmp_path / "run", "tflite", tmp_path / "small.tflite")
    assert evaluate_files(result.path, "test", data="digits") == {str(result.path): numbers["test_accuracy"]}
    data = load_data("digits")
    model = build_model("resnet8(width=0.25)", data)
    as_floats = export_model(model, "tflite", tmp_path / "float", data=data, image_dtype="float32").path
    found = evaluate_files(as_floats, "test", data="digits")
    assert found == {str(as_floats): pytest.approx(accuracy(model, data.test), abs=0.01)}, "the data are uint8"
    assert examine(tmp_path / "run").channels[0]
    with pytest.raises(ValueError, match="word for outputs 'logits'"):
        export_run(tmp_path / "run", "tflite", tmp_path / "other.tflite", outputs="logits")
    with pytest.raises(ValueError, match="Give --data"):
        evaluate_files(result.path, "test")

    monkeypatch.setattr(finished, "load_data", lambda name, **_: brighter(load_data("digits"), name))
    rows = evaluate_files(tmp_path / "run", "test", data="others")
    assert rows["model"] == pytest.approx(rows["saved_model"], abs=1e-6) != numbers["test_accuracy"]
    with pytest.raises(
        ValueError, match=r"was trained on 'digits', 10 classes .*'wide' has 10 of \(40, 32, 3\). Give --data"
    ):
        evaluate_files(tmp_path / "run", "test", data="wide")
    monkeypatch.undo()

    both = dataclasses.replace(experiment, export="saved_model,tflite")  # the same run, one file more
    assert set(run_experiment(both)["files"]) == {"saved_model", "model.tflite"}
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["test_accuracy"] == numbers["test_accuracy"]

    card = tmp_path / "run" / "model.tflite.card.json"
    card.unlink()  # as if killed between the file and its card
    run_experiment(both)
    assert card.is_file()

    check_loaded(RunFolder(tmp_path / "run"), numbers, monkeypatch)
    (tmp_path / "run" / "mask.safetensors").unlink()
    with pytest.raises(ValueError, match="has lost its mask.safetensors"):
        evaluate_files(tmp_path / "run", "test")


@pytest.mark.slow  # it trains until it has learned; that files give the model's probabilities is in tests/export
def test_every_format_has_the_accuracy_of_the_model(tmp_path):
    # Long enough that no image has two classes so close that half precision changes their places.
    settings = {"model": "resnet8(width=0.5)", "mask": "erk", "recipe": "none", "batch_size": 64, "epochs": 24}
    formats = "saved_model,tflite,tflite(dtype='float16'),tflite(dtype='int8'),onnx"
    numbers = run_experiment(Experiment(output_dir=str(tmp_path), run_name="run", export=formats, **settings))
    files = {"saved_model", "model.tflite", "model_float16.tflite", "model_int8.tflite", "model.onnx"}
    assert set(numbers["files"]) == files
    rows = evaluate_files(tmp_path / "run", "test")
    assert rows["model"] > 0.6, "an untrained model would prove nothing"
    for name in files:
        assert rows[name] == pytest.approx(rows["model"], abs=0.01 if "int8" in name else 0.002), name
    assert not any(examine(tmp_path / "run", compact_export=False).channels)
    card = json.loads((tmp_path / "run" / "model.tflite.card.json").read_text())
    assert card["training"]["metrics"]["test_accuracy"] == numbers["test_accuracy"]
    assert card["training"]["mask"] == "erk" and card["training"]["settings"]["epochs"] == settings["epochs"]


def test_a_file_of_one_output(tmp_path, monkeypatch):
    """It gives the probability of the second class, or, as its card says, a number: here a logit."""
    images = np.random.default_rng(0).normal(size=(8, 4, 4, 1)).astype("float32")
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.layers[-1].kernel.assign(model.layers[-1].kernel / 5)  # logits between 0 and 0.5, too
    right = (model(images).numpy() > 0) ^ (np.arange(8) == 0)[:, None]  # but the first
    sets = {}
    for name, labels in {"two": right.astype("int64"), "numbers": np.arange(8)[:, None] / 8}.items():
        part = tf.data.Dataset.from_tensor_slices((images, labels)).batch(4)
        sets[name] = Data.from_datasets(train=part, test=part, num_classes=1, name=name)
    monkeypatch.setattr(finished, "load_data", lambda name, **_: sets[name])
    expected = 7 / 8
    assert accuracy(model, sets["two"].test) == expected
    for outputs in ("sigmoid", "as_is"):
        path = export_model(model, "tflite", tmp_path / f"{outputs}.tflite", data=sets["two"], outputs=outputs).path
        assert evaluate_files(path, "test", data="two") == {str(path): expected}
        with pytest.raises(ValueError, match="one number an image, and the labels of 'numbers' are not all 0 or 1"):
            evaluate_files(path, "test", data="numbers")


@pytest.mark.slow
def test_a_format_that_is_refused_loses_neither_the_others_nor_the_numbers(tmp_path, monkeypatch):
    def refuse(model, format, *given, **options):
        if format == "saved_model":
            raise ExportError("It differs.")
        return export_model(model, format, *given, **options)

    monkeypatch.setattr(run, "export_model", refuse)
    settings = {"model": "resnet8(width=0.25)", "mask": "erk", "recipe": "none", "batch_size": 256, "epochs": 1}
    experiment = Experiment(output_dir=str(tmp_path), run_name="run", export="saved_model,tflite", **settings)
    with pytest.raises(ExportError, match="is finished, but not all is exported. saved_model: It differs"):
        run_experiment(experiment)
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["files"] == ["model.tflite"]
    monkeypatch.undo()
    assert set(run_experiment(experiment)["files"]) == {"saved_model", "model.tflite"}


def test_a_run_that_has_not_finished_is_told_how_to(tmp_path):
    with pytest.raises(ValueError, match="no run folder"):
        export_run(tmp_path, "tflite", tmp_path / "x.tflite")


def test_a_file_is_evaluated_on_as_many_classes_as_it_knows(tmp_path, monkeypatch):
    """Class 7 of ten would be wrong, or right by accident, for a network that knows three others."""
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])
    path = export_model(model, "tflite", tmp_path / "three.tflite", data=make_data()).path
    monkeypatch.setattr(finished, "load_data", lambda name, **_: make_data(classes=int(name)))
    assert 0 <= evaluate_files(path, "test", data="3")[str(path)] <= 1
    with pytest.raises(ValueError, match=r"three.tflite tells 3 classes apart, and .* has 5.* Give --data"):
        evaluate_files(path, "test", data="5")


def test_a_run_that_was_moved_goes_on_where_it_is(tmp_path):
    """Its flags name the folder that it was begun in: a new run would begin there."""
    begun = RunFolder(tmp_path / "there" / "run")
    begun.make()
    begun.write_flags(Experiment(mask="none", output_dir=str(tmp_path / "there"), run_name="run"))
    moved = begun.path.rename(tmp_path / "it is here")
    with pytest.raises(ValueError, match="has not finished training") as error:
        open_run(moved)
    name, *flags = shlex.split(str(error.value).partition("Go on with: python ")[2])
    assert name == "scripts/train.py"
    assert flags == [f"--flagfile={moved}/flags.txt", f"--output_dir={tmp_path}", "--run_name=it is here"]
