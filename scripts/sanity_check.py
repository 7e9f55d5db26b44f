"""Runs one experiment with its mask and with the literature's sanity checks of it, and compares.

    python scripts/sanity_check.py --flagfile=configs/digits.flags --mask=snip --recipe=none --seeds=3

The mask is trained as it is, shuffled within its layers, found on other initial weights, and inverted. A method that knows
which weights matter loses by each change; one that knows only how many weights each layer needs loses nothing by the first
two. Started again with the same flags, it goes on where it stopped.
"""

import os
import signal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up chatter hides what matters
signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback at Ctrl-C while modules load

from absl import flags as absl_flags
from rich.console import Console

from tfsparse import flags
from tfsparse.experiment import Experiment, sanity_checks, sanity_table
from tfsparse.files import check_out, write_json

SEEDS = absl_flags.DEFINE_integer("seeds", 3, "Runs of each, with seeds from --seed on.", lower_bound=1)
OUT = flags.define_path("out", "sanity.json", "File that the numbers are written to.")


def main(argv):
    experiment = flags.read(Experiment)
    with flags.reported_errors("The same command goes on from the last completed epoch."):
        check_out(OUT.value, "--out")
        rows = sanity_checks(experiment, SEEDS.value)
        write_json(OUT.value, rows)
    Console().print(sanity_table(rows))
    print(f"Numbers in {OUT.value}")


if __name__ == "__main__":
    flags.define(Experiment)
    flags.run(main)
