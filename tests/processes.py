"""Scripts in processes of their own that need not import TensorFlow first, which takes longer than most of them."""

import multiprocessing
import os
import pathlib
import runpy
import sys
import tempfile
import types

ROOT = pathlib.Path(__file__).resolve().parents[1]

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tfsparse"])  # nothing has been computed in the process that is copied


def run_script(script, *flags, timeout=300):
    """Runs `scripts/{script}` as a user does; the result has `returncode`, `stdout` and `stderr`, as of `subprocess.run`."""
    with tempfile.TemporaryDirectory() as folder:
        files = [pathlib.Path(folder) / name for name in ("stdout", "stderr")]
        arguments = (script, flags, dict(os.environ), [str(file) for file in files])
        process = _context.Process(target=_execute, args=arguments)
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"{script} {' '.join(flags)} has not ended in {timeout} s.")
        stdout, stderr = (file.read_text() for file in files)
    return types.SimpleNamespace(returncode=process.exitcode, stdout=stdout, stderr=stderr)


def _execute(script, flags, environment, files):
    for number, file in enumerate(files, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    path = str(ROOT / "scripts" / script)
    sys.argv = [path, *flags]
    runpy.run_path(path, run_name="__main__")
