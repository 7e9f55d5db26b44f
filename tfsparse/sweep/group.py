"""Runs the cells that share a mask, one after another, each in a process of its own."""

import contextlib
import dataclasses
import pathlib
import re
import shutil
import subprocess
import sys

from tfsparse.experiment import Experiment, RunFolder, missing_exports, warn_of_files
from tfsparse.files import written_aside
from tfsparse.mask import Mask
from tfsparse.sweep.outcome import Outcome, finished

_SHARED = ("picture", "diagnosis", "mask")  # the mask last: it says that the stage is done
_LAST = 5  # lines of what a failed cell wrote
# What TensorFlow says at every start, whatever its log level: it would stand where the error is looked for.
_CHATTER = re.compile(r"[IWE]0000 |WARNING: All log messages before absl")


def run_group(group, threads=None):
    """Runs the cells of a group; yields the `Outcome` of each.

    A cell runs in a process of its own: it may exhaust the memory or crash without taking the others along, and computes what
    `scripts/train.py` does. What it writes is kept in `logs/` beside the run folders.

    Args:
        group: experiments that share a mask.
        threads: of TensorFlow in each cell; None: TensorFlow's default.
    """
    folders = [RunFolder.of(cell) for cell in group]
    # Any cell may have its mask from an earlier sweep. A mask file, though, may have changed since: only a run can tell.
    cells = [(folder, cell) for cell, folder in zip(group, folders, strict=True) if not cell.mask_file]
    donor = next((folder for folder, cell in cells if _decided(folder, cell) and _sound(folder, cell)), None)
    for cell, folder in zip(group, folders, strict=True):
        before = finished(folder.path)
        work_left = before is None or missing_exports(cell, folder)
        # The run itself checks whether a mask file is still the one that it began with.
        if work_left or cell.mask_file:
            shared = donor is not None and not _decided(folder, cell)
            outcome = _attempt(donor if shared else None, folder, cell, threads)
        if not work_left and not (cell.mask_file and outcome.state == "failed"):
            outcome = Outcome(cell.name, "was finished", before.get("test_accuracy"))
            with contextlib.suppress(ValueError, OSError):  # settings that are damaged
                warn_of_files(cell, folder)
        yield outcome
        outdated = cell.mask_file and outcome.state == "failed"
        if donor is None and _decided(folder, cell) and _sound(folder, cell) and not outdated:
            donor = folder


def _decided(folder, cell):
    """Whether a run has found its mask here; for a dense run, whether it has begun, and so chosen its precision."""
    return folder.begun if cell.mask == "none" else folder.mask.is_file()


def _sound(folder, cell):
    """Whether the settings and mask of a run can be read: a run in which they are damaged must not pass its mask on."""
    try:
        Experiment.from_flagfile(folder.flags)
        if cell.mask != "none":
            Mask.load(folder.mask)
    except (ValueError, OSError):
        return False
    return True


def _attempt(donor, folder, cell, threads):
    """Runs a cell, with the mask of `donor` if there is one; if something cannot be written, this cell alone fails."""
    try:
        return _run(share(donor, folder, cell) if donor else cell, folder, threads)
    except (ValueError, OSError) as error:
        return Outcome(cell.name, "failed", reason=str(error))


def _wait(process):
    try:
        return process.wait()
    except BaseException:  # Ctrl-C: the cell is stopped first
        process.terminate()
        raise


def share(donor, folder, cell):
    """Puts the mask of another cell where this one looks for its own, and takes over the precision that `auto` chose.

    Args:
        donor: `RunFolder` of a cell that has decided both.
        folder: `RunFolder` of the cell.
        cell: its `Experiment`.

    Returns:
        The cell with that precision, still in its own folder.

    Raises:
        ValueError: the folder holds other files, and no run.
        OSError: it cannot be written.
    """
    folder.check_owner()
    folder.path.mkdir(parents=True, exist_ok=True)
    # Measured anew, it might come out differently, and cells that are compared would differ in it.
    precision = Experiment.from_flagfile(donor.flags).mixed_precision
    begun = dataclasses.replace(cell, mixed_precision=precision)
    folder.write_flags(begun)  # first: a folder with files but no flags would count as somebody else's
    for name in _SHARED:
        if getattr(donor, name).is_file():
            with written_aside(getattr(folder, name)) as scratch:
                shutil.copyfile(getattr(donor, name), scratch)
    return cell if precision == cell.mixed_precision else dataclasses.replace(begun, run_name=cell.name)


def _run(cell, folder, threads):
    logs = pathlib.Path(cell.output_dir) / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    flags = logs / f"{cell.name}.flags"
    RunFolder.write_flags_to(flags, cell)
    log = logs / f"{cell.name}.log"
    command = [sys.executable, "-m", "tfsparse.sweep.cell", str(flags), *([] if threads is None else [str(threads)])]
    # The cell ends when its input does, that is, with this process: an orphan would hold on to the run folder.
    pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.STDOUT}
    before = log.stat().st_size if log.is_file() else 0  # of earlier attempts
    with open(log, "ab") as out, subprocess.Popen(command, stdout=out, **pipes) as process:
        status = _wait(process)
    found = finished(folder.path)
    if status == 0 and found is not None:
        return Outcome(cell.name, "finished", found.get("test_accuracy"))
    written = log.read_bytes()[before:].decode(errors="replace")
    end = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
    return Outcome(cell.name, "failed", reason=f"{end}; {log}: {last_lines(written)}")


def last_lines(text):
    """The last lines of a log, shortened, on one line.

    >>> last_lines("I0000 00:00:17.4 port.cc:153] oneDNN is on\\nFinding a mask\\nValueError: no such thing\\n")
    'Finding a mask | ValueError: no such thing'
    """
    lines = [line[:200] for line in text.strip().splitlines() if not _CHATTER.match(line)]
    return " | ".join(lines[-_LAST:])
