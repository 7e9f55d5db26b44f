"""Installs tfsparse; `pip install -e .` for work on it, `.[test]` to run its tests."""

import pathlib
import re

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "tfsparse" / "version.py").read_text(encoding="utf-8"))[1]
LITERT = "ai-edge-litert~=2.3"
RAY = "ray~=2.60"
ONNX = ["tf2onnx~=1.17", "onnx~=1.23", "onnxruntime~=1.31"]

setup(
    name="tfsparse",
    version=VERSION,
    description="Find a sparse mask for any Keras model and train it with a recipe made for sparsity (ToST).",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    packages=find_packages(include=["tfsparse", "tfsparse.*"]),
    package_data={
        "tfsparse.data.tiny_imagenet_builder": ["checksums.tsv"],
        "tfsparse.export": ["card.md.j2"],
        "tfsparse.results": ["report.html.j2"],
    },
    python_requires=">=3.11",
    install_requires=[
        "tensorflow~=2.21.0",
        "tf_keras~=2.21.0",  # Keras 2, the Keras that TensorFlow Model Optimization speaks
        "tensorflow-model-optimization==0.8.1",
        "tensorflow-datasets~=4.9.10",
        "importlib_resources",  # imported by tensorflow-datasets 4.9.10, which does not declare it
        "keras-cv==0.9.0",
        "tensorboard~=2.21.0",  # no longer comes with TensorFlow
        "absl-py",
        "flatbuffers",
        "jinja2",
        "matplotlib",
        "numpy",
        "pillow",
        "rich",
        "safetensors",
        "scikit-learn",
        "scipy",
        "setuptools",  # gives TF-MOT the distutils that Python 3.12 no longer has
    ],
    extras_require={
        "litert": [LITERT],  # TFLite's runtime by itself; without it TensorFlow's own is used
        "onnx": ONNX,
        "sweep": [RAY],
        "test": ["pytest", "pytest-xdist", "ruff", LITERT, *ONNX, RAY],
    },
)
