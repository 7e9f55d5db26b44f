"""Tiny ImageNet for TensorFlow Datasets: a folder of its own, as TFDS wants it, with the download's checksum."""

from tfsparse.data.tiny_imagenet_builder.builder import TinyImagenet

__all__ = ["TinyImagenet"]
