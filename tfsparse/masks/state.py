"""The state of a training that a search can resume from: variables and a few facts, in one safetensors file."""

import pathlib

import numpy as np
import safetensors
from safetensors.numpy import save

from tfsparse.files import written_aside


class State:
    """Variables of a training, kept in a file that is complete at any moment.

    Args:
        file: where; need not exist.
        variables: name -> variable; all that the training resumes from.

    >>> import tempfile, tensorflow as tf
    >>> v, file = tf.Variable([1.0, 2.0]), pathlib.Path(tempfile.mkdtemp()) / "state.safetensors"
    >>> State(file, {"v": v}).load(), State(file, {"v": v}).save(epochs=3)
    ({}, None)
    >>> _ = v.assign([0.0, 0.0])
    >>> State(file, {"v": v}).load(), v.numpy().tolist()
    ({'epochs': '3'}, [1.0, 2.0])
    """

    def __init__(self, file, variables):
        self.file, self.variables = pathlib.Path(file), dict(variables)

    def save(self, **facts):
        """Writes the variables' values, and the facts as strings."""
        arrays = {name: np.array(variable.numpy()) for name, variable in self.variables.items()}
        with written_aside(self.file) as scratch:
            scratch.write_bytes(save(arrays, metadata={name: str(fact) for name, fact in facts.items()}))

    def load(self):
        """Gives the variables the values of the file; returns its facts, an empty dict if there is no file.

        Raises:
            ValueError: the file is damaged, or of another training.
        """
        if not self.file.is_file():
            return {}
        try:
            with safetensors.safe_open(self.file, framework="numpy") as content:
                arrays = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118 (not a dict)
                facts = content.metadata() or {}
            if arrays.keys() != self.variables.keys():
                raise ValueError("It holds other variables.")
            for name, variable in self.variables.items():
                variable.assign(arrays[name])
        except (safetensors.SafetensorError, ValueError, TypeError) as error:
            raise ValueError(
                f"{self.file} cannot be restored ({error}). Delete the folder {self.file.parent} to search anew."
            ) from error
        return facts
