"""Finds a sparse mask, trains the masked network, exports and reports.

    python scripts/train.py --flagfile=configs/digits.flags

Started again with the same flags, it goes on where it stopped, even after a kill.
"""

import os
import signal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up chatter hides what matters
signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback at Ctrl-C while modules load

from rich.console import Console

from tfsparse import flags
from tfsparse.experiment import Experiment, RunFolder, run_experiment
from tfsparse.report import summary


def main(argv):
    experiment = flags.read(Experiment)
    folder = RunFolder.of(experiment)
    again = f"The same command goes on from the last completed epoch in {folder.path}."
    if experiment.overwrite:
        again = (
            f"Without --overwrite the same command goes on in {folder.path}: with the new run if the log above says that the "
            "earlier one was deleted, otherwise with the earlier one."
        )
    with flags.reported_errors(again):
        metrics = run_experiment(experiment, folder.path)
        files = sorted(path.name for path in folder.path.iterdir() if path.name[0] != ".")
    Console().print(summary(metrics, files))
    print(f"Run folder: {folder.path}")


if __name__ == "__main__":
    flags.define(Experiment)
    flags.run(main)
