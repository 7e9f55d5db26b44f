"""Two worker processes on this machine train one model: both get to the end, and the chief writes."""

import json
import os
import pathlib
import socket
import subprocess
import sys

from tfsparse.training import read_history

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLAGS = ["--data=digits", "--model=resnet20(width=0.1)", "--batch_size=256", "--epochs=2", "--mask=erk"]
FLAGS += ["--recipe=ghost_neurons,ghost_skips", "--export=none", "--run_name=run"]


def free_ports(count):
    with_port = [socket.socket() for _ in range(count)]
    for one in with_port:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in with_port]
    for one in with_port:
        one.close()
    return ports


def start(index, workers, folder):
    cluster = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CONFIG": json.dumps(cluster)}
    command = [sys.executable, "scripts/train.py", *FLAGS, "--strategy=multi_worker", f"--output_dir={folder}"]
    with open(folder / f"worker{index}.log", "w") as log:  # a pipe that nobody reads would stop the process
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)


def test_two_workers_train_one_model(tmp_path):
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = [start(index, workers, tmp_path) for index in range(2)]
    try:
        codes = [process.wait(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert codes == [0, 0], "\n".join((tmp_path / f"worker{index}.log").read_text() for index in range(2))
    numbers = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert numbers["epochs"] == 2 and numbers["nonzero_prunable_weights"] <= numbers["live_weights"]
    assert len(read_history(tmp_path / "run" / "history.csv")) == 2
