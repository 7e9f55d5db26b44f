"""The run folder: names of its files, its lock, and what is checked before work starts."""

import contextlib
import dataclasses
import fcntl
import json
import logging
import pathlib
import shutil

from tfsparse.files import UNFINISHED, check_writable, remove, written_aside
from tfsparse.training.fit import BEST, CHECKPOINTS, HISTORY

log = logging.getLogger(__name__)

NEEDED_BYTES = 200 << 20


class RunFolder:
    """One run's folder, and the names of the files that others read.

    Args:
        path: the folder.
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.flags = self.path / "flags.txt"
        self.mask = self.path / "mask.safetensors"
        self.diagnosis = self.path / "diagnosis.json"
        self.picture = self.diagnosis.with_suffix(".png")
        self.search = self.path / "search"
        self.history = self.path / HISTORY
        self.checkpoints = self.path / CHECKPOINTS
        self.best = self.path / BEST
        self.model = self.path / "model.safetensors"
        self.metrics = self.path / "metrics.json"

    @classmethod
    def of(cls, experiment):
        """The folder that an experiment runs in, if it is given no other."""
        return cls(pathlib.Path(experiment.output_dir) / experiment.name)

    def read_metrics(self):
        """What `metrics.json` holds, a dict; None if the run has not finished.

        Raises:
            ValueError: the file is damaged.
        """
        if not self.metrics.is_file():
            return None
        try:
            return dict(json.loads(self.metrics.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{self.metrics} is damaged ({error}). Delete it and run the same again.") from error

    def export(self, exporter):
        """Where an export lies: `model.tflite`, `model_int8.tflite`, or a folder named like the format."""
        return self.path / f"{exporter.name}{exporter.suffix}"

    def exported(self, formats):
        """The exports in this folder: file name -> path. `formats` is the table of all formats."""
        found = [path for entry in formats.values() if entry.suffix for path in self.path.glob(f"*{entry.suffix}")]
        found += [self.path / entry.name for entry in formats.values() if not entry.suffix]
        return {path.name: path for path in sorted(found) if path.exists()}

    @property
    def begun(self):
        """Whether a run has left work here, that is more than its settings: until then those may change."""
        return self.flags.is_file() and any(path != self.flags for path in self._visible())

    def _visible(self):
        """What lies here, except locks and unfinished files, which a run killed at its very start leaves behind."""
        return [p for p in self.path.iterdir() if not p.name.startswith(".") and not p.name.endswith(UNFINISHED)]

    @contextlib.contextmanager
    def locked(self):
        """Locks the folder for this process; the lock ends with the process, however that ends.

        Raises:
            RuntimeError: another process is running in it.
        """
        with open(self.path / ".lock", "w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RuntimeError(
                    f"Another process is running in {self.path}. Wait for it, or give --run_name for a folder of its own."
                ) from None
            except OSError as error:  # a file system without locks
                log.warning("%s cannot be locked (%s): let no other process run in it.", self.path, error)
            yield self

    def make(self):
        """Makes the folder and checks that it can be written to and has space.

        Raises:
            OSError: it cannot be written to, or has too little space.
        """
        check_writable(self.path, "Choose another folder with --output_dir, or make space.")
        free = shutil.disk_usage(self.path).free
        if free < NEEDED_BYTES:
            raise OSError(
                f"Only {free >> 20} MiB are free at {self.path}; a run needs at least {NEEDED_BYTES >> 20} MiB. "
                "Choose another folder with --output_dir, or make space."
            )

    def clear(self):
        """Deletes what an earlier run left: first what a run would go on from, last the flags, which mark a run folder."""
        log.info("Deleting the earlier run in %s.", self.path)
        kept = {".lock", self.metrics.name, self.flags.name}
        self.metrics.unlink(missing_ok=True)
        others = [path for path in self.path.iterdir() if path.name not in kept]
        for path in [self.checkpoints, self.model, *others]:
            remove(path)
        self.flags.unlink(missing_ok=True)

    def check_owner(self):
        """Raises ValueError if the folder holds files but no run: they are somebody else's, not ours to mix with or delete."""
        strangers = self._visible() if self.path.is_dir() and not self.flags.is_file() else []
        if strangers:
            raise ValueError(
                f"{self.path} holds {strangers[0].name!r} but no {self.flags.name}: it is no run folder. "
                "Give another --run_name or --output_dir."
            )

    def check_settings(self, experiment):
        """Raises ValueError if the folder holds a run with other settings: its files would be mixed with ours."""
        if not self.begun:
            return
        other = type(experiment).from_flagfile(self.flags).deciding()
        rows = [f"{k}={other[k]!r}, now {v!r}" for k, v in experiment.deciding().items() if other[k] != v]
        if rows:
            raise ValueError(
                f"{self.path} holds a run with other settings: {'; '.join(rows)}. "
                "Give another --run_name, or --overwrite to delete that run."
            )

    def check_kept(self, experiment):
        """Raises RuntimeError if somebody has deleted or moved the folder while its run was training."""
        needed = [self.flags] if experiment.mask == "none" else [self.flags, self.mask]
        lost = [path.name for path in needed if not path.is_file()]
        if lost:
            raise RuntimeError(
                f"{self.path} has lost {' and '.join(lost)} while its run was training: was it deleted or moved? "
                "What is left is no run; delete it and start again."
            )

    def write_flags(self, experiment):
        """Writes all settings as a flagfile that runs the same again, in this folder."""
        if RunFolder.of(experiment).path != self.path:
            experiment = dataclasses.replace(experiment, output_dir=str(self.path.parent), run_name=self.path.name)
        self.write_flags_to(self.flags, experiment)

    @staticmethod
    def write_flags_to(path, experiment):
        """Writes all settings of an experiment as a flagfile at `path`."""
        lines = [f"--{k}={v}" for k, v in dataclasses.asdict(experiment).items() if v is not None and k != "overwrite"]
        with written_aside(path) as scratch:
            scratch.write_text("\n".join(lines) + "\n", encoding="utf-8")
