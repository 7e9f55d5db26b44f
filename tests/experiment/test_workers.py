"""Worker processes on this machine: they end with one mask, train one model, and the chief writes."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.conftest import slow
from tfsparse.experiment import Experiment, run_experiment
from tfsparse.mask import Mask
from tfsparse.training import read_history

ROOT = pathlib.Path(__file__).resolve().parents[2]
SETTINGS = {"data": "digits", "model": "resnet8(width=0.25)", "batch_size": 256, "epochs": 2, "mask": "erk"}
SETTINGS |= {"recipe": "ghost_skips(share=0.5)", "export": "none", "sync_batch_norm": True, "run_name": "run"}


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


def cluster(folder, count, command):
    """`count` workers that run `command`."""
    workers = [f"127.0.0.1:{port}" for port in free_ports(count)]
    return [start(index, workers, folder, command) for index in range(count)]


def run(folder, command, count=2):
    """Runs `command` in `count` workers to their end."""
    processes = cluster(folder, count, command)
    try:
        codes = [process.wait(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert codes == [0] * count, "\n".join((folder / f"worker{index}.log").read_text() for index in range(count))


def training(folder):
    settings = {**SETTINGS, "strategy": "multi_worker", "output_dir": folder}
    return ["scripts/train.py", *(f"--{name}={value}" for name, value in settings.items())]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The history that one device has of the same global batches."""
    folder = tmp_path_factory.mktemp("alone")
    run_experiment(Experiment(**SETTINGS, output_dir=str(folder)))
    return read_history(folder / "run" / "history.csv")


def assert_same(folder, alone):
    """Metrics are there, and the losses are those of one device."""
    numbers = json.loads((folder / "run" / "metrics.json").read_text())
    assert numbers["epochs"] == 2 and numbers["nonzero_prunable_weights"] <= numbers["live_weights"]
    rows = read_history(folder / "run" / "history.csv")
    for name in ("loss", "val_loss", "live_weights", "ghost_skips"):
        np.testing.assert_allclose([row[name] for row in rows], [row[name] for row in alone], rtol=2e-3, err_msg=name)


@pytest.mark.parametrize("count", [2, slow(4)])
def test_workers_train_what_one_device_trains(count, tmp_path, alone):
    run(tmp_path, training(tmp_path), count)
    assert_same(tmp_path, alone)


@pytest.mark.slow
def test_a_job_that_lost_a_worker_goes_on(tmp_path, alone):
    """A worker is killed in the second epoch; the rest of the job is ended, as a scheduler does, and started again."""
    processes, history = cluster(tmp_path, 2, training(tmp_path)), tmp_path / "run" / "checkpoints" / "epoch-1.index"
    try:
        while not history.is_file():
            assert all(process.poll() is None for process in processes), (tmp_path / "worker0.log").read_text()
            time.sleep(0.1)
        processes[1].kill()
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert not (tmp_path / "run" / "metrics.json").exists()
    run(tmp_path, training(tmp_path))
    assert_same(tmp_path, alone)


@pytest.mark.slow  # that the others load what the chief has found, test_workers_train_what_one_device_trains needs too
@pytest.mark.parametrize("method", ["snip", "imp(rounds=1)"])
def test_the_chief_finds_the_mask_and_the_others_load_it(method, tmp_path):
    run(tmp_path, ["-m", "tests.experiment.mask_worker", str(tmp_path), method])
    masks = [Mask.load(tmp_path / f"{name}.safetensors") for name in ("mask", "chief", "other")]
    assert masks[0] == masks[1] == masks[2] and masks[0].live


@pytest.mark.slow
def test_workers_with_starts_of_their_own_train_the_chiefs(tmp_path):
    """Nothing made them equal: each trained another network, with the sum of all gradients."""
    run(tmp_path, ["-m", "tests.experiment.train_worker", str(tmp_path)])
    for when, alike in (("before", False), ("after", True)):
        chief, other = (np.load(tmp_path / f"{when}-{name}.npz") for name in ("chief", "other"))
        assert np.array_equal(chief["stem/conv/kernel"], other["stem/conv/kernel"]) is alike
    for path in chief:
        np.testing.assert_array_equal(chief[path], other[path], err_msg=path)
