"""Finds a mask and shows it layer by layer, without training.

    python scripts/find_mask.py --flagfile=configs/digits.flags --mask="snip(batches=2)" --out=mask.safetensors

Takes all flags of a training, so that its flagfiles can be used; those of later stages change nothing here. Methods that train
(imp, gem_miner, gradual) keep what they have finished in a folder beside the file (mask.rounds/) and go on from there when
started again; with --strategy=mirrored, imp trains on all GPUs.
"""

import os
import pathlib
import signal
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up chatter hides what matters
signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback at Ctrl-C while modules load

from rich.console import Console

from tfsparse import flags
from tfsparse.diagnosis import diagnose
from tfsparse.experiment import Experiment, check, check_search, load_task, search_mask
from tfsparse.files import check_out
from tfsparse.models import build_model
from tfsparse.training import make_strategy

OUT = flags.define_path("out", "mask.safetensors", "File that the mask is written to.")


def main(argv):
    experiment = flags.read(Experiment)
    with flags.reported_errors("A method that trains goes on after its last finished round."):
        check(experiment)
        check_search(experiment)
        out = pathlib.Path(OUT.value)
        if out.suffix != ".safetensors":
            raise ValueError(f"A mask file's name ends in .safetensors: --out={out} does not.")
        for file in (out, out.with_suffix(".json"), out.with_suffix(".png")):
            check_out(file, "--out")
        task = load_task(experiment)
        model = build_model(experiment.model, task.data)
        strategy = make_strategy(experiment.strategy) if experiment.strategy == "mirrored" else None
        mask = search_mask(experiment, model, task, out.with_suffix(".rounds"), strategy)
        found = diagnose(model, mask)
        found.save_json(out.with_suffix(".json"))
        found.plot(out.with_suffix(".png"))
        mask.save(out)
    Console(width=None if sys.stdout.isatty() else 140).print(found.table())
    print(f"{found}\n{mask} in {out}, what it leaves of the network in {out.with_suffix('.json')} and .png")


if __name__ == "__main__":
    flags.define(Experiment)
    flags.run(main)
