"""The layout of tiny-imagenet-200, and what belongs to which split."""

import collections
import io
import pathlib
import zipfile

from PIL import Image

from tfsparse.data.errors import DatasetCorruptedError

FOLDER = "tiny-imagenet-200"


def has_files(manual):
    """Whether the original zip, or the folder it unpacks to, lies in the folder `manual`."""
    return (pathlib.Path(manual) / FOLDER).is_dir() or (pathlib.Path(manual) / f"{FOLDER}.zip").is_file()


def training_images(manual):
    """How many training images the original files in the folder `manual` hold; 0: there are none, or they cannot be read."""
    root = pathlib.Path(manual) / FOLDER
    try:
        if root.is_dir():
            return sum(len(list((root / "train" / wnid / "images").glob("*.JPEG"))) for wnid in wnids(root))
        with zipfile.ZipFile(f"{root}.zip") as archive:
            ids = archive.read(f"{FOLDER}/wnids.txt").decode("utf-8").split()
            folders = collections.Counter(
                name.rpartition("/")[0] for name in archive.namelist() if name.endswith(".JPEG")
            )
            return sum(folders[f"{FOLDER}/train/{wnid}/images"] for wnid in ids)
    except (OSError, KeyError, zipfile.BadZipFile):
        return 0


def wnids(root):
    """The classes' WordNet ids in the order of the class numbers."""
    return _text(root / "wnids.txt").split()


def class_names(root):
    """The first word for every class; where two classes share it, with the WordNet id behind."""
    words = dict(line.split("\t", 1) for line in _text(root / "words.txt").splitlines() if "\t" in line)
    ids = wnids(root)
    names = [words.get(wnid, wnid).split(",")[0].strip() for wnid in ids]
    return [f"{name} ({wnid})" if names.count(name) > 1 else name for name, wnid in zip(names, ids, strict=True)]


def training_files(root, part):
    """Yields (file, WordNet id) of `part`: "validation" is the last tenth of each class by the number in the file's
    name, at least one image; "train" is the rest."""
    for wnid in wnids(root):
        files = sorted((root / "train" / wnid / "images").glob("*.JPEG"), key=_number)
        if len(files) < 2:
            raise FileNotFoundError(
                f"{root / 'train' / wnid / 'images'} holds {len(files)} images, needed are 2 or more."
            )
        cut = len(files) - max(1, len(files) // 10)
        yield from ((file, wnid) for file in (files[:cut] if part == "train" else files[cut:]))


def test_files(root):
    """Yields (file, WordNet id) of the original validation set, our test set: the original test set has no labels."""
    for line in _text(root / "val" / "val_annotations.txt").splitlines():
        name, wnid = line.split("\t")[:2]
        yield root / "val" / "images" / name, wnid


def image_bytes(file):
    """The file's content, after a look whether it decodes to 64x64 pixels.

    Raises:
        DatasetCorruptedError: names the file that does not.
    """
    try:
        content = file.read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            size = image.size
    except (OSError, SyntaxError, ValueError) as error:  # Pillow raises all three for damaged files
        raise DatasetCorruptedError(f"The image {file} cannot be read: {error}. Replace it and start again.") from error
    if size != (64, 64):
        raise DatasetCorruptedError(f"The image {file} has {size[0]}x{size[1]} pixels, Tiny ImageNet has 64x64.")
    return content


def _number(file):
    return int(file.stem.rsplit("_", 1)[1])


def _text(file):
    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing: unpack tiny-imagenet-200.zip anew.")
    return file.read_text(encoding="utf-8")
