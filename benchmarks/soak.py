"""Kills an experiment at random instants, damages what it left, fills its disk: it must end with an undisturbed run's numbers.

    python benchmarks/soak.py --flagfile=configs/cifar10.flags --model="resnet20(width=0.25)" --epochs=8 \
        --recipe="ghost_neurons(share=0.5),ghost_skips(share=0.5),label_smoothing,rescaled_init(iterations=4)" \
        --mask="synflow(rounds=20)" --kills=50

Takes the flags of scripts/train.py. First comes an undisturbed run; then the same command is started again and again, and
killed `--kills` times by SIGKILL at a random instant. Whenever a run ends, it is compared with the undisturbed one (metrics and
history without costs; mask and TFLite file byte for byte), and the next begins in a new folder. After every kill, all files
under their final names are read. At random between kills, the newest checkpoint is cut short, all files are dated a day ahead
(as if the clock went back), or a second process is started in the folder. At last the disk of a run fills up in the middle,
and another run finds it read-only (needs the right to mount; without it, left out and reported). Prints a table, writes JSON.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import collections
import contextlib
import dataclasses
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from absl import app
from absl import flags as absl_flags
from rich.console import Console
from rich.table import Table
from safetensors.numpy import load_file

from tfsparse import flags
from tfsparse.experiment import COSTS, Experiment, RunFolder
from tfsparse.files import write_json
from tfsparse.mask import Mask
from tfsparse.training import read_history

KILLS = absl_flags.DEFINE_integer("kills", 50, "SIGKILLs.", lower_bound=0)
LONGEST = absl_flags.DEFINE_float("longest", 45.0, "Seconds after which a process is killed at the latest.")
DISK = absl_flags.DEFINE_integer("disk", 320, "MiB of the disk that fills up.")
OUT = absl_flags.DEFINE_string("out", "benchmarks/results/soak.json", "JSON file for what happened.")

COMMAND = [sys.executable, str(pathlib.Path(__file__).resolve().parents[1] / "scripts" / "train.py")]


LOGS = pathlib.Path(tempfile.gettempdir())  # not beside the run folder, whose disk may be full


def log_of(folder):
    return LOGS / f"soak_{folder.name}.log"


def start(experiment, folder):
    """The experiment in a process of its own."""
    settings = dataclasses.asdict(dataclasses.replace(experiment, output_dir=str(folder.parent), run_name=folder.name))
    given = [f"--{name}={value}" for name, value in settings.items() if value is not None]
    with open(log_of(folder), "a") as log:
        return subprocess.Popen([*COMMAND, *given], stdout=log, stderr=subprocess.STDOUT)


def outcome(path):
    """What two runs must have in common."""
    folder = RunFolder(path)
    metrics = {k: v for k, v in json.loads(folder.metrics.read_text()).items() if k not in COSTS}
    rows = [{**row, "seconds": None} for row in read_history(folder.history)]
    return metrics, rows, folder.mask.read_bytes(), (path / "model.tflite").read_bytes()


def stage(path):
    """Where a run was when it ended, by the files it left."""
    folder = RunFolder(path)
    if folder.metrics.is_file():
        return "finished"
    if not folder.mask.is_file():
        return "before the mask"
    rows = read_history(folder.history)
    if not rows:
        return "before the first epoch's end"
    if any(value for name, value in rows[-1].items() if name.startswith("ghost_")):
        return "with ghosts"
    return "export" if rows[-1]["epoch"] == epochs_of(folder) else "without ghosts"


def epochs_of(folder):
    return Experiment.from_flagfile(folder.flags).epochs


def read_all(path):
    """Reads every file that stands under its final name; raises if one is damaged."""
    folder = RunFolder(path)
    for file in path.rglob("*.json"):
        json.loads(file.read_text())
    for file in path.glob("*.safetensors"):
        Mask.load(file) if file == folder.mask else load_file(file)
    read_history(folder.history)
    if folder.flags.is_file():
        Experiment.from_flagfile(folder.flags)


def cut_checkpoint(path):
    """Halves the data of the newest checkpoint, if there are two."""
    files = sorted(path.glob("checkpoints/*.data-*"), key=lambda file: int(file.name.split("-")[1].split(".")[0]))
    if len(files) > 1:
        os.truncate(files[-1], files[-1].stat().st_size // 2)
        return "newest checkpoint cut to a half"
    return None


def clock_back(path):
    """Dates all files a day ahead, as if the clock had gone back by a day."""
    ahead = time.time() + 86400
    for file in [path, *path.rglob("*")]:
        os.utime(file, (ahead, ahead))
    return "files dated a day ahead"


def second_process(experiment, path):
    """Starts another process in the folder of a running one; it must be refused."""
    log = log_of(path)
    before = len(log.read_text())
    if start(experiment, path).wait() == 0 or "Another process is running" not in log.read_text()[before:]:
        raise AssertionError("A second process was not refused.")
    return "second process refused"


def killed(experiment, path, draw):
    """Starts the experiment and kills it at a random instant; returns what happened on the way."""
    events, process = [], start(experiment, path)
    deadline = time.monotonic() + draw.uniform(1.0, LONGEST.value)
    if (path / ".lock").is_file() and draw.random() < 0.1:
        time.sleep(min(8.0, max(0.0, deadline - time.monotonic())))  # by then it holds the lock
        if process.poll() is None:
            events.append(second_process(experiment, path))
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(max(0.0, deadline - time.monotonic()))
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
        process.wait()
        events.append("killed")
    elif process.returncode:
        raise AssertionError(f"The run failed by itself; see {log_of(path)}.")
    return events


def soak(experiment, work, expected, seen):
    """Kills and restarts; counts in `seen` what happened."""
    draw, number = random.Random(0), 0
    while seen["killed"] < KILLS.value or not RunFolder(work / f"run{number}").metrics.is_file():
        path = work / f"run{number}"
        if RunFolder(path).metrics.is_file():
            compare(path, expected, seen)
            number += 1
            continue
        if seen["killed"] >= KILLS.value:
            finish(experiment, path)
            continue
        for event in killed(experiment, path, draw):
            seen[event] += 1
            if event == "killed" and path.is_dir():
                seen[f"  {stage(path)}"] += 1
                read_all(path)
        for damage in (cut_checkpoint, clock_back):
            if path.is_dir() and draw.random() < 0.1 and (event := damage(path)):
                seen[event] += 1
        print(dict(seen), flush=True)
    compare(work / f"run{number}", expected, seen)


def compare(path, expected, seen):
    if outcome(path) != expected:
        raise AssertionError(f"{path} ended with other numbers than the undisturbed run.")
    seen["runs that ended with the undisturbed run's numbers"] += 1
    shutil.rmtree(path)


def finish(experiment, path):
    if start(experiment, path).wait():
        raise AssertionError(f"The run failed by itself; see {log_of(path)}.")


@contextlib.contextmanager
def disk(size):
    """A small disk of its own; None if this process may not mount one."""
    with tempfile.TemporaryDirectory() as place:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}m", "tmpfs", place]
        if subprocess.run(command, capture_output=True).returncode:
            yield None
            return
        try:
            yield pathlib.Path(place)
        finally:
            subprocess.run(["umount", place], check=True)


def full_disk(experiment, expected, seen):
    """A run on a disk that fills up after the first epoch, on one that is read-only, and again when all is well."""
    with disk(DISK.value) as place:
        if place is None:
            seen["disk full, read-only: left out, no right to mount"] += 1
            return
        path, ballast = place / "run", place / "ballast"
        process = start(experiment, path)
        while process.poll() is None and not RunFolder(path).history.is_file():
            time.sleep(0.2)
        with contextlib.suppress(OSError), open(ballast, "wb") as out:
            while True:
                out.write(b"\0" * (1 << 16))
        if process.wait() == 0:
            raise AssertionError("A run on a full disk ended well.")
        read_all(path)
        seen["disk full: ended with an error, no file damaged"] += 1
        ballast.unlink()
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        with tempfile.TemporaryFile() as log:
            settings = [f"--output_dir={place}", "--run_name=run", f"--data={experiment.data}"]
            if subprocess.run([*COMMAND, *settings], stdout=log, stderr=subprocess.STDOUT).returncode == 0:
                raise AssertionError("A run in a read-only folder ended well.")
            log.seek(0)
            if b"Cannot write to" not in log.read():
                raise AssertionError("A run in a read-only folder did not say so.")
        seen["read-only folder: refused before work started"] += 1
        subprocess.run(["mount", "-o", "remount,rw", str(place)], check=True)
        finish(experiment, path)
        compare(path, expected, seen)


def table(seen):
    shown = Table("what happened", "times")
    for name, times in seen.items():
        shown.add_row(name, str(times))
    return shown


def main(argv):
    experiment, seen = flags.read(Experiment), collections.Counter()
    with tempfile.TemporaryDirectory(prefix="soak_") as place:
        work = pathlib.Path(place)
        finish(experiment, work / "undisturbed")
        expected = outcome(work / "undisturbed")
        soak(experiment, work, expected, seen)
        full_disk(experiment, expected, seen)
    pathlib.Path(OUT.value).parent.mkdir(parents=True, exist_ok=True)
    write_json(pathlib.Path(OUT.value), {"experiment": experiment.deciding(), "seen": seen})
    Console().print(table(seen))


if __name__ == "__main__":
    flags.define(Experiment)
    app.run(main)
