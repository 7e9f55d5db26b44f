"""Two worker processes on this machine: they end with one mask, train one model, and the chief writes."""

import json
import os
import pathlib
import socket
import subprocess
import sys

import pytest

from tfsparse.mask import Mask
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


def start(index, workers, folder, command):
    cluster = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CONFIG": json.dumps(cluster)}
    command = [sys.executable, *command]
    with open(folder / f"worker{index}.log", "w") as log:  # a pipe that nobody reads would stop the process
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)


def run(folder, command):
    """Runs `command` in two workers to their end."""
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = [start(index, workers, folder, command) for index in range(2)]
    try:
        codes = [process.wait(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert codes == [0, 0], "\n".join((folder / f"worker{index}.log").read_text() for index in range(2))


def test_two_workers_train_one_model(tmp_path):
    run(tmp_path, ["scripts/train.py", *FLAGS, "--strategy=multi_worker", f"--output_dir={tmp_path}"])
    numbers = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert numbers["epochs"] == 2 and numbers["nonzero_prunable_weights"] <= numbers["live_weights"]
    assert len(read_history(tmp_path / "run" / "history.csv")) == 2


@pytest.mark.parametrize("method", ["snip", "imp(rounds=1)"])
def test_the_chief_finds_the_mask_and_the_others_load_it(method, tmp_path):
    run(tmp_path, ["-m", "tests.experiment.mask_worker", str(tmp_path), method])
    masks = [Mask.load(tmp_path / f"{name}.safetensors") for name in ("mask", "chief", "other")]
    assert masks[0] == masks[1] == masks[2] and masks[0].live
