"""Images from disk: fitted as said, refused with a reason; classes by name."""

import json

import numpy as np
import PIL.ExifTags
import PIL.Image
import pytest

from tests.export.export_networks import data, network, pictures, sparse
from tfsparse.export import export_model, load_exported, predict
from tfsparse.export.pictures import read_picture


def save(path, array):
    PIL.Image.fromarray(array).save(path)
    return path


@pytest.mark.parametrize("format", ["tflite", "saved_model", "onnx"])
def test_names_the_most_probable_classes(format, tmp_path):
    model = network()
    sparse(model)
    path = export_model(model, format, tmp_path / "mine", data=data()).path
    images = [save(tmp_path / f"{number}.png", picture) for number, picture in enumerate(pictures(3))]
    found = list(predict(path, images, top=2))
    expected = load_exported(path)(pictures(3))
    for row, probabilities in zip(found, expected, strict=True):
        assert row.fitted == "" and [name for name, _ in row.classes] == [
            "abcd"[i] for i in np.argsort(-probabilities)[:2]
        ]
        assert row.classes[0][1] == pytest.approx(probabilities.max())
    with pytest.raises(ValueError, match="top"):
        list(predict(path, images, top=0))


def test_a_file_alone_gives_class_numbers(tmp_path):
    model = network()
    path = export_model(model, "tflite", tmp_path / "mine", data=data()).path
    path.with_name("mine.tflite.card.json").unlink()
    (found,) = predict(path, [save(tmp_path / "a.png", pictures(1)[0])])
    assert sorted(name for name, _ in found.classes) == [f"class {i}" for i in range(4)]


def test_a_card_that_was_edited(tmp_path):
    path = export_model(network(), "tflite", tmp_path / "mine", data=data()).path
    place, picture = path.with_name("mine.tflite.card.json"), save(tmp_path / "a.png", pictures(1)[0])
    card = json.loads(place.read_text())
    place.write_text(json.dumps({**card, "class_names": ["cat", "dog"]}))
    with pytest.raises(ValueError, match="or its card, names 2 classes, and the network gives 4"):
        list(predict(path, [picture]))
    place.write_text(json.dumps({**card, "outputs": None}))
    with pytest.raises(ValueError, match="is no model card .*outputs"):
        list(predict(path, [picture]))


def test_images_are_made_to_fit_and_it_is_said(tmp_path):
    gray = save(tmp_path / "gray.png", np.full((4, 6), 100, "uint8"))
    array, fitted = read_picture(gray, (8, 8, 3), np.dtype("uint8"))
    assert array.shape == (8, 8, 3) and (array == 100).all()
    assert fitted == "turned from L to RGB; resized from 6x4 to 8x8, bilinear"
    array, fitted = read_picture(gray, (4, 6, 1), np.dtype("float32"), white=16)
    assert array.shape == (4, 6, 1) and array.dtype == np.float32 and fitted == ""
    np.testing.assert_allclose(array, 16 * 100 / 255, rtol=1e-6)
    with pytest.raises(ValueError, match="--white=16 for digits"):
        read_picture(gray, (4, 6, 1), np.dtype("float32"))


def test_a_picture_of_a_turned_camera_is_turned_upright(tmp_path):
    upright = np.arange(24, dtype="uint8").reshape(4, 6)
    exif = PIL.Image.Exif()
    exif[PIL.ExifTags.Base.Orientation] = 6  # to be turned a quarter clockwise
    PIL.Image.fromarray(np.rot90(upright)).save(tmp_path / "turned.png", exif=exif)
    array, fitted = read_picture(tmp_path / "turned.png", (4, 6, 1), np.dtype("uint8"))
    np.testing.assert_array_equal(array[..., 0], upright)
    assert fitted == "turned upright as its EXIF data say"


@pytest.mark.parametrize("name", ["little.png", "big.tif", "old.pgm"])
def test_gray_of_16_bits_is_scaled(name, tmp_path):
    wide = np.array([[0, 257, 32768], [300, 65407, 65535]], "uint16")
    if name == "old.pgm":
        (tmp_path / name).write_bytes(b"P5 3 2 65535\n" + wide.astype(">u2").tobytes())  # Pillow's mode I
    else:
        save(tmp_path / name, wide.astype(">u2") if name == "big.tif" else wide)
    array, fitted = read_picture(tmp_path / name, (2, 3, 3), np.dtype("uint8"))
    assert array[..., 0].tolist() == [[0, 1, 128], [1, 255, 255]] and (array == array[..., :1]).all()
    assert fitted == "scaled from 16 to 8 bits; turned from L to RGB"


@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_gray_whose_white_cannot_be_told_is_refused(dtype, tmp_path):
    path = save(tmp_path / "wide.tif", np.ones((2, 3), dtype))
    with pytest.raises(ValueError, match=r"wide\.tif holds gray values of 32 bits.*Save it with 8 or 16 bits"):
        read_picture(path, (2, 3, 1), np.dtype("uint8"))


@pytest.mark.parametrize(
    ("dtype", "white", "message"),
    [
        ("uint8", 16, "white is 255: leave out white, got 16"),
        *[("float32", n, "positive") for n in (-1, 0, np.nan, np.inf)],
    ],
)
def test_a_white_without_use_or_sense_is_refused(dtype, white, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_picture(save(tmp_path / "a.png", np.ones((2, 3), "uint8")), (2, 3, 1), np.dtype(dtype), white=white)


def test_what_is_no_image_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    whole = save(tmp_path / "b.png", np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype("uint8"))
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:2000])
    for name in ("a.png", "cut.png"):
        with pytest.raises(ValueError, match=f"{name} cannot be read as an image"):
            read_picture(tmp_path / name, (8, 8, 3), np.dtype("uint8"))
    with pytest.raises(FileNotFoundError, match="No image file"):
        read_picture(tmp_path / "none.png", (8, 8, 3), np.dtype("uint8"))
    with pytest.raises(ValueError, match="no images"):
        read_picture(whole, (7,), np.dtype("uint8"))
    PIL.Image.new("1", (9000, 9000)).save(tmp_path / "huge.png")
    with pytest.raises(ValueError, match="81000000|more than"):
        read_picture(tmp_path / "huge.png", (8, 8, 3), np.dtype("uint8"))
