"""What is refused before anything is written, what is not kept, and what is said about a damaged file."""

import contextlib
import errno
import functools
import warnings

import numpy as np
import pytest
import tf_keras as keras

from tests.export.export_networks import FORMATS, data, keras_probabilities, network, pictures, sparse
from tfsparse import paths
from tfsparse.export import EXPORTERS, ExportError, export_model, load_exported, make_exporter


def test_a_dtype_that_is_given_as_a_format_says_how():
    with pytest.raises(ValueError, match=r"'int8' is no export format, .*: tflite\(dtype='int8'\)"):
        make_exporter("int8")


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_that_is_wrong_is_not_kept(format, tmp_path, monkeypatch):
    model = network()
    mask = sparse(model)
    before = export_model(model, format, tmp_path / "mine", mask=mask, data=data())
    scratch = before.path.with_name(before.path.name + ".unfinished")
    scratch.write_bytes(b"what a killed run left")
    variants = EXPORTERS[format].variants

    def write_shifted(shift, serving, path, write):
        stem = paths.weights(serving.model)["stem/conv/kernel"]
        right = stem.numpy()
        stem.assign(right + shift)
        write(path)
        stem.assign(right)

    def shifted(shift, exporter, serving):
        ways = variants(exporter, serving)
        return {name: functools.partial(write_shifted, shift, serving, write=way) for name, way in ways.items()}

    for shift, message in ((1.0, "differ from the Keras model's by"), (1e-9, "Zeros are lost.*stem/conv/kernel")):
        monkeypatch.setattr(EXPORTERS[format], "variants", lambda *args, shift=shift: shifted(shift, *args))
        with pytest.raises(ExportError, match=message):
            export_model(model, format, before.path, mask=mask, data=data())
        assert not scratch.exists()
        np.testing.assert_allclose(
            load_exported(before.path)(pictures()), keras_probabilities(model, pictures()), atol=1e-5
        )


def test_refuses_before_it_writes(tmp_path):
    model = network()
    mask = sparse(model)

    def refused(message, model=model, format="saved_model", path="new", mask=mask, error=ValueError, **changes):
        with pytest.raises(error, match=message):
            export_model(model, format, tmp_path / path, mask=mask, data=data(**changes))

    refused("Did you mean 'saved_model'", format="savedmodel")
    refused("no option 'sprase'", format="tflite(sprase=True)")
    refused("sparse must be True or False, received 'no'", format="tflite(sparse='no')")
    refused("another architecture", mask={"nowhere/kernel": np.ones(3, bool)})
    refused("another architecture", mask={"classifier/kernel": np.ones((1, 2), bool)})
    refused("not zero although", mask={"classifier/kernel": np.zeros((8, 4), bool)})
    refused("the data's are", input_shape=(9, 9, 3))
    refused("belongs to training", model=wrapped(), mask=None)
    refused("received 'mask.safetensors': find_mask", mask="mask.safetensors")
    with pytest.raises(ValueError, match=r"card\['loss'\] is nan, which JSON cannot hold"):
        export_model(model, "saved_model", tmp_path / "new", card={"loss": float("nan")})
    words = [keras.layers.Embedding(9, 4, input_shape=(7,)), keras.layers.Flatten(), keras.layers.Dense(3)]
    with pytest.raises(ValueError, match="cannot compute the inputs .* Random numbers .* pass data= with some"):
        export_model(keras.Sequential(words), "saved_model", tmp_path / "new")
    first, second = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    refused("takes 2 inputs", model=keras.Model([first, second], first + keras.layers.Dense(3)(second)), mask=None)
    refused(
        "must give one output",
        model=keras.Sequential([keras.layers.Conv2D(4, 3, input_shape=(8, 8, 3))]),
        mask=None,
        error=ExportError,
    )
    broken = keras.models.clone_model(model)
    broken.layers[-1].bias.assign([np.nan] * 4)
    refused("NaN", model=broken, mask=None, error=ExportError)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.json").write_text("{}")
    refused("no earlier export", path="run")
    (tmp_path / "file").write_text("mine")
    refused("no earlier export", path="file")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "run"]


def test_a_file_that_the_interpreter_refuses_is_not_called_damaged(tmp_path):
    """A layer that gives 0 for all calibration images has a range that its multiplication cannot be scaled to."""
    layers = keras.layers
    dead = layers.Dense(8, activation="relu", name="dead")
    parts = [keras.Input((8, 8, 3)), layers.Conv2D(8, 3, activation="relu"), layers.GlobalAveragePooling2D(), dead]
    model = keras.Sequential([*parts, layers.Dense(4)])
    dead.bias.assign([-500.0] * 8)
    given = {"data": data(train=[(pictures() / 255.0, None)]), "compact": False}
    with pytest.raises(ExportError, match=r"cannot be read back .*float16") as error:
        export_model(model, "tflite(dtype='int8')", tmp_path / "dead", **given)
    assert "damaged" not in str(error.value) and not list(tmp_path.iterdir())


def test_replaces_what_its_card_describes_and_nothing_else(tmp_path):
    model = network()
    folder, file = tmp_path / "mine", tmp_path / "thesis.tflite"
    model.save(folder)
    for path, format in ((folder, "saved_model"), (file, "tflite")):
        if path == file:
            file.write_text("my thesis")
        before = {part: part.read_bytes() for part in tmp_path.rglob("*") if part.is_file()}
        with pytest.raises(
            ValueError, match=f"no earlier export of this format: {path.name}.card.json beside it would"
        ):
            export_model(model, format, path, data=data())
        assert {part: part.read_bytes() for part in tmp_path.rglob("*") if part.is_file()} == before
        own = export_model(model, format, tmp_path / f"own{path.suffix}", data=data()).path
        export_model(model, format, own, data=data())
        added = own / "notes.txt" if own.is_dir() else own
        added.write_text("mine")
        with pytest.raises(ValueError, match="delete it first"):
            export_model(model, format, own, data=data())
        assert added.read_text() == "mine"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert export_model(model, "saved_model", empty, data=data()).path == empty


def wrapped():
    import tensorflow_model_optimization as tfmot

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tfmot.sparsity.keras.prune_low_magnitude(network())


def test_says_what_is_wrong_with_a_file(tmp_path):
    model = network()
    sparse(model)
    with pytest.raises(FileNotFoundError, match=r"scripts/export\.py"):
        load_exported(tmp_path / "nothing.tflite")
    (tmp_path / "mask.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match="of no exported format"):
        load_exported(tmp_path / "mask.safetensors")
    with pytest.raises(ValueError, match=r"saved_model\.pb"):
        load_exported(tmp_path)
    file = export_model(model, "tflite", tmp_path / "mine", data=data()).path
    folder = export_model(model, "saved_model", tmp_path / "mine", data=data()).path
    for damaged in (file, folder / "saved_model.pb", next((folder / "variables").glob("*.index"))):
        damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 3])
        with pytest.raises(ValueError, match="damaged"):
            load_exported(file if damaged == file else folder)
    file.write_bytes(b"not a model")
    with pytest.raises(ValueError, match="damaged"):
        load_exported(file)


@pytest.mark.parametrize("format", FORMATS)
def test_a_full_disk_leaves_the_earlier_file(format, tmp_path, monkeypatch):
    model = network()
    mask = sparse(model)
    before = export_model(model, format, tmp_path / "mine", mask=mask, data=data())
    files = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}

    def full(path):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(EXPORTERS[format], "variants", lambda exporter, serving: {"dense": full})
    with pytest.raises(OSError, match="No space left on device.*make space"):
        export_model(model, format, before.path, mask=mask, data=data())
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == files


@pytest.mark.parametrize("format", FORMATS)
def test_a_full_disk_leaves_no_file_without_a_card(format, tmp_path, monkeypatch):
    def full(path, content):
        path.write_text("{")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("tfsparse.export.card.write_json", full)
        with pytest.raises(OSError, match="No space left on device.*make space"):
            export_model(network(), format, tmp_path / "mine", data=data())
    assert not list(tmp_path.iterdir())
    export_model(network(), format, tmp_path / "mine", data=data())


@pytest.mark.parametrize("kept", [True, False])
def test_a_sparse_file_that_fails_leaves_the_dense_one_unless_it_is_our_own_slip(kept, tmp_path, monkeypatch):
    variants, error = EXPORTERS["tflite"].variants, RuntimeError("cannot") if kept else IndexError("a slip")

    def failing(path):
        path.write_bytes(b"half")
        raise error

    def changed(exporter, serving):
        return {"dense": variants(exporter, serving)["dense"], "sparse": failing}

    monkeypatch.setattr(EXPORTERS["tflite"], "variants", changed)
    with contextlib.nullcontext() if kept else pytest.raises(IndexError):
        found = export_model(network(), "tflite", tmp_path / "mine", data=data())
        assert found.variant == "dense" and load_exported(found.path).input_shape == (8, 8, 3)
    assert kept or not list(tmp_path.iterdir())
