"""Installs tfsparse; `pip install -e .` for work on it, `.[test]` to run its tests."""

import pathlib

from setuptools import find_packages, setup

setup(
    name="tfsparse",
    version="0.1.0",
    description="Find a sparse mask for any Keras model and train it with a recipe made for sparsity (ToST).",
    long_description=(pathlib.Path(__file__).parent / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    packages=find_packages(include=["tfsparse", "tfsparse.*"]),
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
        "numpy",
        "pillow",
        "rich",
        "safetensors",
        "scikit-learn",
    ],
    extras_require={
        "test": ["pytest", "pytest-xdist", "ruff"],
    },
)
