"""What benchmarks write: rows that say on what machine, when and from what code they were measured."""

import datetime
import functools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import tensorflow as tf

from tfsparse.files import write_json

ROOT = pathlib.Path(__file__).resolve().parents[1]


def processor():
    """The processor's name and what it can do in half precision, where Linux says so."""
    path = pathlib.Path("/proc/cpuinfo")
    lines = dict(line.split(":", 1) for line in path.read_text().splitlines() if ":" in line) if path.is_file() else {}
    facts = {name.strip(): value for name, value in lines.items()}
    known = [flag for flag in ("avx512f", "avx512_bf16", "amx_bf16") if flag in facts.get("flags", "").split()]
    return ", ".join([facts.get("model name", "unknown").strip(), *known])


@functools.cache
def machine():
    """Facts for a row: processor, cores, TensorFlow, date, and the last commit of the package."""
    facts = {"processor": processor(), "cores": os.cpu_count(), "tensorflow": tf.__version__}
    return facts | {"date": datetime.date.today().isoformat(), "commit": _commit()}


def _commit():
    """The last commit that changed the package, with a + if it has been changed since; None outside a git checkout."""
    git = ["git", "-C", str(ROOT)]
    done = subprocess.run([*git, "log", "-1", "--format=%h", "--", "tfsparse"], capture_output=True, text=True)
    if done.returncode:
        return None
    changed = subprocess.run([*git, "status", "--porcelain", "--", "tfsparse"], capture_output=True, text=True).stdout
    return done.stdout.strip() + "+" * bool(changed)


def where(rows):
    """Where and when rows were measured, in words, each place once.

    >>> where([{"processor": "A", "cores": 2, "tensorflow": "2", "date": "2026-01-01", "commit": c} for c in "bcb"])
    '2026-01-01, commit b, c, A, 2 cores, TensorFlow 2'
    """
    places = {}
    for row in rows:
        place = f"{row['processor']}, {row['cores']} cores, TensorFlow {row['tensorflow']}"
        places.setdefault((row["date"], place), {})[row["commit"]] = None
    return "; ".join(f"{date}, commit {', '.join(commits)}, {place}" for (date, place), commits in places.items())


def write_rows(path, rows, key, **further):
    """Writes rows, and where they were measured, after the rows of other cases in the file; returns all of them.

    Args:
        path: JSON file; it need not be there.
        rows: dicts.
        key: names of the columns that tell cases apart.
        further: what else the file shall hold.
    """
    path = pathlib.Path(path)
    new = {tuple(row[name] for name in key) for row in rows}
    old = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.is_file() else []
    rows = [row for row in old if tuple(row[name] for name in key) not in new] + [row | machine() for row in rows]
    write_json(path, {"rows": rows, **further})
    return rows


def alone(script, case, *options):
    """What `script --one=case`, in a process of its own, prints as JSON in its last line.

    Raises:
        RuntimeError: it failed; the message has the end of its error output.
    """
    command = [sys.executable, script, f"--one={case}", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{case} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def seconds(action):
    """Seconds that one `action` takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def spread(values):
    """Median and range.

    >>> spread([1, 2, 4])
    '2.00 (1.00 to 4.00)'
    """
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def growth(held):
    """MB that a training held after each epoch, at the quarters of its length."""
    places = sorted({0, len(held) // 4, len(held) // 2, 3 * len(held) // 4, len(held) - 1})
    return ", ".join(f"{held[place]:,.0f} after epoch {place + 1}" for place in places)
