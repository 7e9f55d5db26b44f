"""One worker of a cluster gets the mask of an experiment; run by `test_workers.py`."""

import pathlib
import sys

from tfsparse.experiment import Experiment, RunFolder, load_task, stages
from tfsparse.models import build_model
from tfsparse.training import is_chief, make_strategy


def main(folder, mask):
    experiment = Experiment(data="digits", model="resnet8(width=0.25)", batch_size=256, epochs=1, mask=mask)
    strategy = make_strategy("multi_worker")
    if not is_chief(strategy):
        stages.search_mask = None  # would fail if it were called
    task = load_task(experiment)
    model = build_model(experiment.model, task.data)
    found = stages.load_mask(experiment, model, task, RunFolder(folder), strategy)
    found.save(pathlib.Path(folder) / f"{'chief' if is_chief(strategy) else 'other'}.safetensors")


if __name__ == "__main__":
    main(*sys.argv[1:])
