"""Where the cells of a sweep run: here, one after another, or on the machines of a Ray cluster."""

import contextlib
import importlib.util
import logging
import os
import pathlib
import sys

from tfsparse.experiment import RunFolder, missing_exports
from tfsparse.sweep.group import run_group
from tfsparse.sweep.outcome import Outcome, finished

log = logging.getLogger(__name__)

_RETRIES = 3  # of a group whose machine or process was lost


def local(groups, threads=None):
    """One cell after another on this machine; yields `Outcome`s."""
    for group in groups:
        yield from run_group(group, threads)


def ray(groups, threads=None):
    """Groups of cells on as many processors as Ray has, each group on `threads` of them; yields `Outcome`s as they come.

    Where Ray has GPUs, each group gets one of its own, or with `mirrored` all those of a machine. Joins the cluster that
    `RAY_ADDRESS` names, or starts one on this machine. Cells run in the folder in which the sweep was started: all machines
    must see the same files in it, and in all folders that the flags name.
    A group whose worker dies is run again, and goes on where its cells stopped.

    Raises:
        ValueError: Ray is not installed.
    """
    if importlib.util.find_spec("ray") is None:
        raise ValueError("--executor=ray needs Ray: pip install 'tfsparse[sweep]'.")
    import ray as library

    started = not library.is_initialized()
    if started:
        # Workers find this very library, installed or not.
        root = str(pathlib.Path(__file__).resolve().parents[2])
        library.init(log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": root}}, include_dashboard=False)
    task = library.remote(num_cpus=threads or 1, max_retries=_RETRIES)(_whole_group)
    machines, here = [node["Resources"] for node in library.nodes() if node["Alive"]], os.getcwd()
    most = max((machine.get("CPU", 0) for machine in machines), default=0)
    if most < (threads or 1):  # no error: one may still join
        log.warning("No machine of Ray's has %d processors (the largest: %d): cells wait for one.", threads or 1, most)
    waiting = {
        task.options(num_gpus=gpus(machines, group)).remote(group, threads or 1, here): group for group in groups
    }
    try:
        while waiting:
            (done,), _ = library.wait(list(waiting), num_returns=1)
            yield from _outcomes(library, done, waiting.pop(done))
    finally:
        for left in waiting:
            library.cancel(left, force=True)
        if started:
            library.shutdown()


def gpus(machines, group):
    """How many GPUs a group of cells gets: cells that shared one would each want all of its memory.

    Args:
        machines: for each, a dict from resource to how many it has.
        group: experiments.

    >>> from tfsparse.experiment import Experiment
    >>> [gpus([{"CPU": 8.0, "GPU": 4.0}], [Experiment(strategy=strategy)]) for strategy in ("none", "mirrored")]
    [1, 4]
    """
    most = int(max((machine.get("GPU", 0) for machine in machines), default=0))
    return most if group[0].strategy == "mirrored" else min(most, 1)


def _whole_group(group, threads, folder):
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            f"This machine has no {folder}, the folder of the sweep: all machines must see the same."
        )
    with contextlib.chdir(folder):  # Ray's workers run elsewhere: paths in flags are relative to the sweep's folder
        return list(run_group(group, threads))


def _outcomes(library, done, group):
    try:
        return library.get(done)
    except library.exceptions.RayError as error:
        print(error, file=sys.stderr)
        said = str(getattr(error, "cause", error)).partition("\n")[0]  # a task's own error comes wrapped
        reason = f"Ray: {said or type(error).__name__}"
        return [_without_report(cell, reason) for cell in group]


def _without_report(cell, reason):
    """The `Outcome` of a cell whose group did not run to its end; its folder says whether it had finished before."""
    folder = RunFolder.of(cell)
    found = finished(folder.path)
    if found is None or missing_exports(cell, folder):
        return Outcome(cell.name, "failed", reason=reason)
    return Outcome(cell.name, "finished", found.get("test_accuracy"))


EXECUTORS = {"local": local, "ray": ray}
