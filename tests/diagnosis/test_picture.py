import numpy as np
import pytest
import tf_keras as keras

from tests.conftest import slow
from tfsparse import diagnose
from tfsparse.mask import Mask


def deep(number):
    stack = [keras.layers.Dense(12, name=f"stage{i // 10}/block{i}/dense") for i in range(number)]
    return keras.Sequential([keras.Input((12,)), *stack])


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("png", 1),
        ("png", 5),
        ("svg", 5),
        slow("svg", 1),
        slow("svg", 110),
        slow("png", 110),
    ],
)
def test_pictures_of_any_depth(number, kind, tmp_path):
    model, random = deep(number), np.random.default_rng(0)
    mask = Mask(
        {path: random.random(array.shape) < random.choice([0, 0.05, 1]) for path, array in Mask.ones(model).items()}
    )
    path = tmp_path / f"picture.{kind}"
    diagnose(model, mask).plot(path)
    assert (
        path.read_bytes().startswith(b"\x89PNG" if kind == "png" else b"<?xml") and len(list(tmp_path.iterdir())) == 1
    )


def test_nothing_lives_and_nothing_is_known(tmp_path):
    model = deep(2)
    diagnose(model, {path: np.zeros((12, 12)) for path in Mask.ones(model)}).plot(tmp_path / "empty.png")

    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.head = keras.layers.Dense(2)

        def call(self, x):
            return self.head(x)

    model = Mine()
    model(np.zeros((1, 3), "float32"))
    found = diagnose(model, Mask.ones(model), input_shape=(3,))
    found.plot(tmp_path / "unknown.png")
    assert "Mine is a subclassed model" in found.table().caption and "paths unknown" in str(found)
    assert found.to_dict()["unknown"] == found.unknown


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"drawn as a .png or .svg file, received '.*picture.bmp'"):
        diagnose(deep(1), Mask.ones(deep(1))).plot(tmp_path / "picture.bmp")
