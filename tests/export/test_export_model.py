"""`export_model`, `load_exported`: a file gives the model's probabilities and keeps its zeros, or it is not left."""

import types
import warnings

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsparse import paths
from tfsparse.export import EXPORTERS, ExportError, export_model, load_exported

FORMATS = sorted(EXPORTERS)
MEAN, STD = (120.0, 110.0, 100.0), (60.0, 50.0, 55.0)


def data(**changes):
    known = {"input_shape": (8, 8, 3), "num_classes": 4, "mean": MEAN, "std": STD, "class_names": list("abcd")}
    return types.SimpleNamespace(**{**known, "test": None, **changes})


def network(softmax=False, dtype=None):
    """Convolution, depthwise convolution and shortcut, each with its norm, and a classifier; names with slashes."""
    layers = keras.layers
    images = x = keras.Input((8, 8, 3), name="images")
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, name="stem/conv", dtype=dtype)(x)
    x = layers.ReLU(name="stem/relu")(layers.BatchNormalization(name="stem/bn")(x))
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="block/depthwise", dtype=dtype)(x)
    y = layers.BatchNormalization(name="block/bn")(y)
    x = layers.ReLU(name="block/relu")(layers.Add(name="block/add")([x, y]))
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    activation = "softmax" if softmax else None
    x = layers.Dense(4, activation=activation, name="classifier", dtype="float32" if dtype else None)(x)
    return keras.Model(images, x)


def sparse(model, sparsity=0.7):
    """Draws all weights, some negative norms among them, and prunes the kernels; returns the mask."""
    random, mask = np.random.default_rng(0), {}
    for path, variable in paths.weights(model).items():
        value = random.normal(size=variable.shape)
        if path.endswith("moving_variance"):
            value = np.abs(value) + 0.5
        elif path.endswith("kernel"):
            mask[path] = random.random(variable.shape) >= sparsity
            value = value * mask[path]
        variable.assign(value)
    return mask


def zeros(mask):
    return sum(int(np.count_nonzero(~array)) for array in mask.values())


def keras_probabilities(model, images, softmax=True):
    outputs = model((images.astype("float32") - MEAN) / STD, training=False)
    return (tf.nn.softmax(outputs) if softmax else outputs).numpy()


def pictures(count=5):
    return np.random.default_rng(3).integers(0, 256, (count, 8, 8, 3)).astype("uint8")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("softmax", [False, True])
def test_gives_the_models_probabilities_and_holds_its_zeros(format, softmax, tmp_path):
    model = network(softmax)
    mask = sparse(model)
    result = export_model(model, format, tmp_path / "run" / "mine", mask=mask, data=data())
    assert result.zeros == zeros(mask)
    assert result.images == 64 and result.max_difference < 1e-5
    assert result.gzip_bytes > 0 and result.bytes > 0
    assert [file.name for file in result.path.parent.iterdir()] == [result.path.name]
    exported = load_exported(result.path)
    assert exported.input_shape == (8, 8, 3) and exported.dtype == np.uint8
    expected = keras_probabilities(model, pictures(), softmax=not softmax)
    np.testing.assert_allclose(exported(pictures()), expected, atol=1e-5)
    with pytest.raises(ValueError, match="uint8 images of shape"):
        exported(pictures().astype("float32"))


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
    small = export_model(model, "tflite", tmp_path / "sparse", mask=mask, data=data())
    large = export_model(model, "tflite(sparse=False)", tmp_path / "dense.tflite", mask=mask, data=data())
    assert small.bytes < 0.35 * large.bytes
    assert small.zeros == large.zeros == zeros(mask)


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
    wrong = data(test=test, mean=tuple(np.divide(MEAN, 255)), std=tuple(np.divide(STD, 255)))
    with pytest.raises(ExportError, match="units of uint8"):
        export_model(model, "saved_model", tmp_path / "c", data=wrong)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("format", FORMATS)
def test_a_mixed_precision_model_is_exported_in_float32(format, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        half = network(dtype="mixed_float16")
    mask = sparse(half)
    whole = network()
    whole.set_weights(half.get_weights())
    result = export_model(half, format, tmp_path / "mine", mask=mask, data=data())
    assert result.zeros == zeros(mask)
    exported = load_exported(result.path)
    np.testing.assert_allclose(exported(pictures()), keras_probabilities(whole, pictures()), atol=1e-5)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = keras.layers.Conv2D(4, 3)
        self.head = keras.layers.Dense(3)

    def call(self, images):
        return self.head(tf.reduce_mean(self.conv(images), [1, 2]))


def unusual():
    """Grouped, separable, transposed and shared convolutions, attention, a nested model, flattening, dropout."""
    layers = keras.layers
    images = x = keras.Input((8, 8, 3))
    inner = keras.Sequential([layers.Conv2D(8, 3, padding="same", name="conv"), layers.ReLU()], name="inner")
    shared = layers.Conv2D(8, 3, padding="same", name="conv")
    x = inner(x)
    x = layers.BatchNormalization()(shared(shared(x)))
    x = layers.Conv2D(8, 3, padding="same", groups=2)(x)
    x = layers.SeparableConv2D(6, 3, strides=2)(x)
    x = layers.Conv2DTranspose(5, 3)(x)
    x = layers.Reshape((-1, 5))(x)
    x = x + layers.MultiHeadAttention(2, 3)(x, x)
    x = layers.Conv1D(4, 3)(x)
    x = layers.Dropout(0.5)(layers.Flatten()(x))
    return keras.Model(images, layers.Dense(3)(x))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("build", [unusual, Subclassed])
def test_any_keras_model(format, build, tmp_path):
    model = build()
    model(np.zeros((1, 8, 8, 3), "float32"))
    mask = sparse(model)
    for path, variable in paths.weights(model).items():
        variable.assign(variable * (0.3 if path.endswith("kernel") else 1))  # or the softmax is flat against 0 and 1
    result = export_model(model, format, tmp_path / "mine", mask=mask, data=data())
    assert result.zeros >= zeros(mask)


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_that_is_wrong_is_not_kept(format, tmp_path, monkeypatch):
    model = network()
    mask = sparse(model)
    before = export_model(model, format, tmp_path / "mine", mask=mask, data=data())
    scratch = before.path.with_name(before.path.name + ".unfinished")
    scratch.write_bytes(b"what a killed run left")
    write = EXPORTERS[format].write

    def write_shifted(shift, exporter, serving, path):
        stem = model.get_layer("stem/conv").kernel
        right = stem.numpy()
        stem.assign(right + shift)
        write(exporter, serving, path)
        stem.assign(right)

    for shift, message in ((1.0, "differ from the Keras model's by"), (1e-9, "Zeros are lost.*stem/conv/kernel")):
        monkeypatch.setattr(EXPORTERS[format], "write", lambda *args, shift=shift: write_shifted(shift, *args))
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
    refused("another architecture", mask={"nowhere/kernel": np.ones(3, bool)})
    refused("another architecture", mask={"classifier/kernel": np.ones((1, 2), bool)})
    refused("not zero although", mask={"classifier/kernel": np.zeros((8, 4), bool)})
    refused("the data's are", input_shape=(9, 9, 3))
    refused("belongs to training", model=wrapped(), mask=None)
    refused(
        "at least 2 classes",
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


def test_nothing_of_the_converters_reaches_the_terminal(tmp_path, capfd):
    model = network()
    sparse(model)
    export_model(model, "tflite", tmp_path / "mine", data=data())
    assert capfd.readouterr() == ("", "")
