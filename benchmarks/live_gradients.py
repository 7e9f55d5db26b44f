"""What `--live_gradients` saves between processes of one machine: bytes, and time of a step.

python benchmarks/live_gradients.py [--workers=2] [--repeats=3]

Worker processes train a network under a random mask of 90 %; runs that exchange all gradients and only the live ones take
turns. Bytes are computed: 4 for each number, times 2 (workers - 1) / workers, since workers pass them around in a ring.
"""

import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import socket
import statistics
import subprocess
import sys
import tempfile

from absl import app, flags
from measured import spread, write_rows
from rich.console import Console
from rich.table import Table
from steps import noise

import tfsparse as ts
from tfsparse.progress import progress
from tfsparse.training import make_strategy

MODEL = flags.DEFINE_string("model", "resnet18", "Network.")
WORKERS = flags.DEFINE_integer("workers", 2, "Processes.", lower_bound=2)
BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Images a step, of all workers.", lower_bound=1)
REPEATS = flags.DEFINE_integer("repeats", 3, "Turns, of which the median counts.", lower_bound=1)
OUT = flags.DEFINE_string("out", "benchmarks/results/live_gradients.json", "JSON file for all measurements.")
_LIVE = flags.DEFINE_bool("live", None, "Be a worker, and print JSON.")

STEPS = 24  # per epoch; the seconds include the start of an epoch


def work(live):
    """Numbers exchanged, and seconds per step of the last two epochs; the first epoch traces."""
    strategy = make_strategy("multi_worker")
    data = noise(BATCH_SIZE.value, STEPS)
    model, task = ts.build_model(MODEL.value, data), ts.Task(data, epochs=3)
    mask = ts.find_mask(model, "random", sparsity=0.9)
    history = ts.train(model, task, mask, "none", strategy=strategy, live_gradients=live, verbose=0).history
    total = sum(variable.shape.num_elements() for variable in model.trainable_variables)
    exchanged = total - (mask.total - mask.live) if live else total
    return {"numbers": exchanged, "seconds": [value / STEPS for value in history["seconds"][1:]]}


def cluster(live):
    """What the first of the workers measured."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(WORKERS.value)]
    names = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    given = [f"--model={MODEL.value}", f"--batch_size={BATCH_SIZE.value}", f"--live={live}"]
    with tempfile.TemporaryFile("w+") as said:
        options = {"stdout": subprocess.PIPE, "stderr": said, "text": True}
        processes = []
        for index in range(WORKERS.value):
            task = {"cluster": {"worker": names}, "task": {"type": "worker", "index": index}}
            environment = {**os.environ, "TF_CONFIG": json.dumps(task)}
            processes.append(subprocess.Popen([sys.executable, __file__, *given], env=environment, **options))
        printed = [process.communicate()[0] for process in processes]
        if any(process.returncode for process in processes):
            said.seek(0)
            raise RuntimeError(f"A worker failed:\n{said.read()[-2000:]}")
    return json.loads(printed[0].splitlines()[-1])


def main(argv):
    if _LIVE.value is not None:
        print(json.dumps(work(_LIVE.value)))
        return
    took = {False: [], True: []}
    with progress() as shown:
        for live in shown([False, True] * REPEATS.value, "Measuring"):
            took[live].append(cluster(live))
    rows = []
    for live, found in took.items():
        sent = 4e-6 * found[0]["numbers"] * 2 * (WORKERS.value - 1) / WORKERS.value
        case = {"model": MODEL.value, "workers": WORKERS.value, "batch_size": BATCH_SIZE.value, "live": live}
        rows.append({**case, "megabytes": sent, "seconds": [statistics.mean(one["seconds"]) for one in found]})
    rows = write_rows(OUT.value, rows, ("model", "workers", "batch_size", "live"))
    table = Table("network", "gradients", "MB a step and worker, computed", "seconds a step")
    for row in rows:
        kind = "live" if row["live"] else "all"
        table.add_row(row["model"], kind, f"{row['megabytes']:.1f}", spread(row["seconds"]))
    Console().print(table)


if __name__ == "__main__":
    app.run(main)
