"""The TFDS builder."""

import io
import pathlib

import tensorflow_datasets as tfds

from tfsparse.data.tiny_imagenet_builder import files

_DESCRIPTION = """200 classes of ImageNet at 64x64 pixels: 500 training and 50 test images a class, a tenth of the
training images set aside for validation. The set's own validation images are the test set here, its own test images
have no labels."""

_CITATION = """@misc{tinyimagenet, title={Tiny ImageNet Visual Recognition Challenge}, author={Ya Le and Xuan Yang},
year={2015}, howpublished={CS 231N, Stanford}}"""


class TinyImagenet(tfds.core.GeneratorBasedBuilder):
    """Tiny ImageNet, from a zip or folder in `manual_dir` or else from the network."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Validation is the last tenth of each training class, test is the original val."}  # noqa: RUF012
    URL = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Optional, for machines without a network: put tiny-imagenet-200.zip ({URL}) or the folder tiny-imagenet-200 "
        "that it unpacks to into the manual_dir. A part of the images will do, two or more a class."
    )

    def _info(self):
        image = tfds.features.Image(shape=(64, 64, 3), encoding_format="jpeg")
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            citation=_CITATION,
            homepage="http://cs231n.stanford.edu/",
            features=tfds.features.FeaturesDict({"image": image, "label": tfds.features.ClassLabel()}),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, dl_manager):
        root = self._root(dl_manager)
        self.info.features["label"].names = files.class_names(root)
        return {
            "train": self._generate_examples(root, files.training_files(root, "train")),
            "validation": self._generate_examples(root, files.training_files(root, "validation")),
            "test": self._generate_examples(root, files.test_files(root)),
        }

    def _root(self, dl_manager):
        try:
            manual = pathlib.Path(dl_manager.manual_dir)
        except AssertionError:  # TFDS's way of saying that the folder is missing or empty
            manual = None
        if manual and (manual / files.FOLDER).is_dir():
            return manual / files.FOLDER
        if manual and files.has_files(manual):
            return pathlib.Path(dl_manager.extract(manual / f"{files.FOLDER}.zip")) / files.FOLDER
        return pathlib.Path(dl_manager.download_and_extract(self.URL)) / files.FOLDER

    def _generate_examples(self, root, some):
        numbers = {wnid: number for number, wnid in enumerate(files.wnids(root))}
        for file, wnid in some:
            yield file.name, {"image": io.BytesIO(files.image_bytes(file)), "label": numbers[wnid]}
