"""`export_model`: a file gives the model's probabilities and keeps its zeros, whatever the data's units."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

import tfsparse as ts
from tests.export.export_networks import FORMATS, MEAN, STD, data, keras_probabilities, network, pictures, sparse, zeros
from tfsparse.export import EXACT, EXPORTERS, export_model, load_exported


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("softmax", [False, True])
def test_gives_the_models_probabilities_and_holds_its_zeros(format, softmax, tmp_path):
    model = network(softmax)
    mask = sparse(model)
    result = export_model(model, format, tmp_path / "run" / "mine", mask=mask, data=data())
    assert result.zeros == zeros(mask)
    assert result.images == 64 and result.max_difference < 1e-5
    assert result.gzip_bytes > 0 and result.bytes > 0
    name = result.path.name
    assert {file.name for file in result.path.parent.iterdir()} == {name, f"{name}.card.json", f"{name}.card.md"}
    exported = load_exported(result.path)
    assert exported.input_shape == (8, 8, 3) and exported.dtype == np.uint8
    expected = keras_probabilities(model, pictures(), softmax=not softmax)
    np.testing.assert_allclose(exported(pictures()), expected, atol=1e-5)
    with pytest.raises(ValueError, match="uint8 images of shape"):
        exported(pictures().astype("float32"))


def test_a_folder_of_another_format_is_read_by_its_own_exporter(tmp_path, monkeypatch):
    class Apart:
        """A SavedModel in a folder inside, and so none that `saved_model` can read."""

        suffix, name, tolerance, calibrates = "", "apart", EXACT, False

        def variants(self, serving):
            (write,) = EXPORTERS["saved_model"]().variants(serving).values()
            return {"dense": lambda path: path.mkdir() or write(path / "inside")}

        @staticmethod
        def load(path):
            return EXPORTERS["saved_model"].load(path / "inside")

    monkeypatch.setitem(EXPORTERS, "apart", Apart)
    model = network()
    paths = [export_model(model, format, tmp_path / format, data=data()).path for format in ("apart", "saved_model")]
    first, second = (load_exported(path)(pictures(3)) for path in paths)
    np.testing.assert_array_equal(first, second)


def test_saved_model_is_plain_tensorflow(tmp_path):
    model = network()
    sparse(model)
    path = export_model(model, "saved_model", tmp_path / "mine", data=data()).path
    graph = (path / "saved_model.pb").read_bytes()
    assert b"tfsparse" not in graph and b"keras_api" not in graph and b"optimizer" not in graph
    loaded = tf.saved_model.load(str(path))
    serve = loaded.signatures["serving_default"]
    assert serve.structured_input_signature[1]["images"].dtype == tf.uint8
    answer = serve(images=tf.constant(pictures(3)))
    assert list(answer) == ["probabilities"] and answer["probabilities"].shape == (3, 4)
    names = loaded.signatures["class_names"]()["class_names"].numpy()
    assert [name.decode() for name in names] == list("abcd")
    stem = loaded.weights["stem/conv/kernel"].numpy()
    np.testing.assert_array_equal(stem, model.get_layer("stem/conv").kernel.numpy())


def test_tflite_stores_sparsely_where_that_is_smaller(tmp_path):
    layers = keras.layers
    model = keras.Sequential([layers.Input((8, 8, 3)), layers.Conv2D(64, 3), layers.Conv2D(64, 3), layers.Flatten()])
    model.add(layers.Dense(4))
    mask = sparse(model, 0.9)
    options = {"mask": mask, "data": data(), "compact": False}
    small = export_model(model, "tflite", tmp_path / "sparse", **options)
    large = export_model(model, "tflite(sparse=False)", tmp_path / "dense.tflite", **options)
    assert small.bytes < 0.35 * large.bytes
    assert small.zeros == large.zeros == zeros(mask)


def test_class_names_may_be_numbers_one_for_each_output(tmp_path):
    path = export_model(network(), "saved_model", tmp_path / "mine", data=data(class_names=np.arange(4))).path
    assert load_exported(path).class_names == ("0", "1", "2", "3")
    path = export_model(network(), "saved_model", tmp_path / "few", data=data(class_names=list("abc"))).path
    assert load_exported(path).class_names == ("a", "b", "c", "class 3")
    with pytest.raises(ValueError, match="5 class_names, the model gives 4 outputs"):
        export_model(network(), "tflite", tmp_path / "many", data=data(class_names=list("abcde")))


@pytest.mark.parametrize("format", FORMATS)
def test_without_normalisation_takes_float_images(format, tmp_path):
    model = network()
    sparse(model)
    result = export_model(model, format, tmp_path / "mine")
    exported = load_exported(result.path)
    images = np.random.default_rng(1).normal(size=(2, 8, 8, 3)).astype("float32")
    np.testing.assert_allclose(exported(images), tf.nn.softmax(model(images)).numpy(), atol=1e-5)


def test_compares_on_the_test_images(tmp_path):
    model = network()
    sparse(model)
    normalised = ((pictures(50).astype("float32") - MEAN) / STD).astype("float32")
    test = tf.data.Dataset.from_tensor_slices((normalised, np.zeros(50, int))).batch(20)
    assert export_model(model, "saved_model", tmp_path / "a", data=data(test=test)).images == 50
    assert export_model(model, "saved_model", tmp_path / "b", data=data(test=test), images=7).images == 7


@pytest.mark.parametrize("format", FORMATS)
def test_data_in_other_units_make_a_file_of_float_images(format, tmp_path):
    model = network()
    sparse(model)
    images = np.random.default_rng(1).random((6, 8, 8, 3)).astype("float32")
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.2, 0.25)
    test = tf.data.Dataset.from_tensor_slices(((images - mean) / std, np.zeros(6))).batch(4)
    source = data(test=test, mean=mean, std=std, image_dtype="float32")
    exported = load_exported(export_model(model, format, tmp_path / "a", data=source).path)
    assert exported.dtype == np.float32
    np.testing.assert_allclose(exported(images), tf.nn.softmax(model((images - mean) / std)).numpy(), atol=1e-5)


@pytest.mark.parametrize("format", [*FORMATS, "tflite(dtype='int8')"])
def test_float_images_keep_their_units_and_8_bit_ones_are_8_bit_only_if_told(format, tmp_path):
    model = network()
    sparse(model)
    images = np.random.default_rng(1).uniform(0, 4000, (9, 8, 8, 3)).astype("float32")
    options = {"batch_size": 3, "mean": (2000.0,) * 3, "std": (1200.0,) * 3}
    source = ts.Data.from_arrays(train=(images, np.arange(9) % 4), test=(images, np.arange(9) % 4), **options)
    exported = load_exported(export_model(model, format, tmp_path / "a", data=source).path)
    assert exported.dtype == np.float32
    expected = tf.nn.softmax(model((images - 2000) / 1200)).numpy()
    np.testing.assert_allclose(exported(images), expected, atol=0.1 if "int8" in format else 1e-5)
    with pytest.raises(ValueError, match="no 8-bit images.*image_dtype='float32'"):
        export_model(model, format, tmp_path / "b", data=source, image_dtype="uint8")
    with pytest.raises(ValueError, match="image_dtype 'int8'.*Known: float32, uint8"):
        export_model(model, format, tmp_path / "b", data=source, image_dtype="int8")


def test_resized_images_of_floats_are_served_as_8_bit_ones_where_that_is_said(tmp_path):
    model = keras.Sequential([keras.layers.Rescaling(1 / 255, input_shape=(8, 8, 3)), network()])
    images = np.random.default_rng(1).uniform(0, 255, (6, 8, 8, 3)).astype("float32")
    batches = tf.data.Dataset.from_tensor_slices((images, np.arange(6) % 4)).batch(3)
    source = ts.Data.from_datasets(train=batches, test=batches)
    exported = load_exported(export_model(model, "tflite", tmp_path / "a", data=source, image_dtype="uint8").path)
    np.testing.assert_allclose(exported(pictures()), tf.nn.softmax(model(pictures().astype("float32"))), atol=1e-5)


@pytest.mark.parametrize("format", FORMATS)
def test_vectors_are_exported_too(format, tmp_path):
    model = keras.Sequential([keras.layers.Dense(5, input_shape=(7,)), keras.layers.Dense(3)])
    mask = sparse(model)
    vectors = data(input_shape=(7,), mean=(20.0,), std=(30.0,), image_dtype=None, class_names=None)
    result = export_model(model, format, tmp_path / "mine", mask=mask, data=vectors, compact=False)
    assert result.zeros == zeros(mask)
    assert load_exported(result.path).dtype == np.float32


def test_nothing_of_the_converters_reaches_the_terminal(tmp_path, capfd):
    model = network()
    sparse(model)
    export_model(model, "tflite", tmp_path / "mine", data=data())
    assert capfd.readouterr() == ("", "")
