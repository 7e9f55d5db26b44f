"""What a model is trained on and for.

`Data` holds the images: `Data.from_arrays` takes NumPy arrays, `Data.from_datasets` takes `tf.data`, and
`tfsparse.load_data` makes the known sets. `Task` adds what is done with them: loss, optimizer, schedule, length, seed.

Take `from_arrays` where the images fit into memory: order and augmentation then depend only on (seed, epoch), and a run
that resumes at epoch k sees exactly what an unbroken run sees. `from_datasets` keeps that promise only as far as the
given `tf.data` pipeline repeats itself when it is iterated anew.
"""

from tfsparse.task.data import Data
from tfsparse.task.task import Task

__all__ = ["Data", "Task"]
