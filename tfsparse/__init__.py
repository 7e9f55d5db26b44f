"""Finds a sparse mask for any Keras model and trains the masked model with a recipe made for sparsity (ToST)."""

from tfsparse._keras import choose_keras_2

choose_keras_2()  # before anything imports TensorFlow, KerasCV or TF-MOT
