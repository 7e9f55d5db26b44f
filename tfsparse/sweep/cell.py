"""One cell in a process of its own: `python -m tfsparse.sweep.cell FLAGFILE [THREADS]`."""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import logging
import threading

import tensorflow as tf

from tfsparse.experiment import Experiment, run_experiment
from tfsparse.flags import reported_errors


def main(flagfile, threads=None):
    """Runs the experiment of a flagfile.

    Args:
        flagfile: path of a file that `RunFolder.write_flags_to` wrote.
        threads: in each of TensorFlow's pools, as text; None: TensorFlow's default.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(int(threads))
        tf.config.threading.set_inter_op_parallelism_threads(int(threads))
    with reported_errors():
        run_experiment(Experiment.from_flagfile(flagfile))


def _end_with_parent():
    """Standard input is a pipe that nobody writes to: it ends when the process that started this one does."""
    os.read(0, 1)  # not sys.stdin, whose lock would still be held when the process ends
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
