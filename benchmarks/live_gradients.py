"""What `--live_gradients` saves between processes of one machine: bytes, and time of a step.

python benchmarks/live_gradients.py [--workers=2] [--repeats=3]

Worker processes train a network under a random mask of 90 %, exchanging all gradients and live ones only, in turn.
"""

import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pathlib
import socket
import statistics
import subprocess
import sys

from absl import app, flags
from rich.console import Console
from rich.table import Table
from steps import noise

import tfsparse as ts
from tfsparse.files import write_json
from tfsparse.progress import progress
from tfsparse.training import make_strategy

MODEL = flags.DEFINE_string("model", "resnet18", "Network.")
WORKERS = flags.DEFINE_integer("workers", 2, "Processes.", lower_bound=2)
BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Images a step, of all workers.", lower_bound=1)
REPEATS = flags.DEFINE_integer("repeats", 3, "Turns, of which the median counts.", lower_bound=1)
OUT = flags.DEFINE_string("out", "benchmarks/results/live_gradients.json", "JSON file for all measurements.")
_LIVE = flags.DEFINE_bool("live", None, "Be a worker, and print JSON.")

STEPS = 6


def work(live):
    """Seconds a step of the last two epochs; the first traces."""
    strategy = make_strategy("multi_worker")
    data = noise(BATCH_SIZE.value, STEPS)
    model, task = ts.build_model(MODEL.value, data), ts.Task(data, epochs=3)
    mask = ts.find_mask(model, "random", sparsity=0.9)
    history = ts.train(model, task, mask, "none", strategy=strategy, live_gradients=live, verbose=0).history
    total = sum(variable.shape.num_elements() for variable in model.trainable_variables)
    exchanged = total - (mask.total - mask.live) if live else total
    return {"live": live, "numbers": exchanged, "seconds": [value / STEPS for value in history["seconds"][1:]]}


def cluster(live):
    """What the first of the workers measured."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(WORKERS.value)]
    names = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    given = [f"--model={MODEL.value}", f"--batch_size={BATCH_SIZE.value}", f"--live={live}"]
    processes = []
    for index in range(WORKERS.value):
        task = {"cluster": {"worker": names}, "task": {"type": "worker", "index": index}}
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        environment = {**os.environ, "TF_CONFIG": json.dumps(task)}
        processes.append(subprocess.Popen([sys.executable, __file__, *given], env=environment, **options))
    printed = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise RuntimeError("A worker failed.")
    return json.loads(printed[0].splitlines()[-1])


def main(argv):
    if _LIVE.value is not None:
        print(json.dumps(work(_LIVE.value)))
        return
    cases = [live for _ in range(REPEATS.value) for live in (False, True)]
    with progress() as shown:
        rows = [cluster(live) for live in shown(cases, "Measuring")]
    pathlib.Path(OUT.value).parent.mkdir(parents=True, exist_ok=True)
    write_json(pathlib.Path(OUT.value), {"model": MODEL.value, "workers": WORKERS.value, "rows": rows})
    table = Table("gradients", "MB a step and worker", "seconds a step")
    for live in (False, True):
        own = [row for row in rows if row["live"] == live]
        sent = 4e-6 * own[0]["numbers"] * 2 * (WORKERS.value - 1) / WORKERS.value
        seconds = statistics.median(value for row in own for value in row["seconds"])
        table.add_row("live" if live else "all", f"{sent:.1f}", f"{seconds:.3f}")
    Console().print(table)


if __name__ == "__main__":
    app.run(main)
