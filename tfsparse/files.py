"""Files and folders that exist under their name only when they are complete."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import tempfile

UNFINISHED, _OLD = ".unfinished", ".replaced"


@contextlib.contextmanager
def written_aside(path):
    """Gives a scratch path beside `path` to write a file or folder at; it takes the name `path` when all went well.

    What a killed run left at the scratch path is removed first; a folder that it had put aside gets its name back.
    A folder takes the place of a folder, a file that of a file.

    >>> import tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> with written_aside(folder / "a.txt") as scratch:
    ...     _ = scratch.write_text("whole")
    >>> (folder / "a.txt").read_text(), len(list(folder.iterdir()))
    ('whole', 1)
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch, old = path.with_name(path.name + UNFINISHED), path.with_name(path.name + _OLD)
    remove(scratch)
    end_swap(old, path)
    try:
        yield scratch
        if path.is_dir() and not scratch.is_dir():
            raise IsADirectoryError(f"{path} is a folder: a file would replace all that is in it. Give another name.")
        _flush(scratch)
        if path.is_dir():  # a folder cannot be replaced in one step, and its removal takes time: it goes aside first
            os.replace(path, old)
        os.replace(scratch, path)
    except BaseException:
        remove(scratch)
        end_swap(old, path)
        raise
    remove(old)


def check_writable(folder, remedy):
    """Makes a folder and checks that it can be written to.

    Args:
        folder: its path.
        remedy: a sentence that says what to do if it cannot.

    Raises:
        OSError: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A file without a name: another process may be doing the same.
        with tempfile.TemporaryFile(dir=folder, prefix=".writable") as scratch:
            scratch.write(b"\0" * 4096)
            scratch.flush()
            os.fsync(scratch.fileno())
    except OSError as error:
        raise OSError(f"Cannot write to {folder} ({error.strerror or error}). {remedy}") from error


def check_named(path, what):
    """Raises ValueError for a path that would be misread: by TensorFlow as a pattern, with which it does not find its
    checkpoints again, or here as a folder, where an address is meant."""
    text = os.fspath(path)
    if re.match(r"\w+:/", text):
        raise ValueError(
            f"{what} {text} is an address: give a folder of this machine, and copy its contents to or from there yourself."
        )
    if found := " ".join(sorted(set(text) & set("*?[]\\"))):
        raise ValueError(
            f"{what} {text!r} has {found} in its name, which TensorFlow takes for a pattern: choose another."
        )


def check_out(path, flag, *, may_be_folder=False):
    """Checks that what a flag names can be written, before the work that it is for; what is there stays as it is.

    Raises:
        OSError: its folder cannot be written.
        ValueError: it is a folder, which a file would replace together with all its contents.
    """
    path = pathlib.Path(path)
    check_writable(path.parent, f"Choose another place with {flag}, or make space.")
    if path.is_dir() and not may_be_folder:
        raise ValueError(f"{flag}={path} is a folder: give the name of a file.")


def write_json(path, content):
    """Writes `content` as indented JSON, whole or not at all."""
    with written_aside(path) as scratch:
        scratch.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def write_or_compare(path, content, otherwise, remedy=None):
    """Writes `content` to the JSON file `path`, or checks that the same is there.

    Args:
        remedy: a sentence that says what to do if the file is damaged; None: to delete its folder.

    Raises:
        ValueError: something else is there, so the folder holds what `otherwise` says; the message names what differs.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        write_json(path, content)
    try:
        before = dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        remedy = remedy or f"Delete {path.parent} to begin anew."
        raise ValueError(f"{path} is damaged ({error}). {remedy}") from error
    now = json.loads(json.dumps(content))
    differing = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if differing:
        names, differ = ", ".join(sorted(differing)), "differs" if len(differing) == 1 else "differ"
        raise ValueError(
            f"{path.parent} holds {otherwise}: {names} {differ}. Delete the folder to begin anew, or choose another."
        )


def end_swap(old, path):
    """Ends a swap: `old`, which was at `path` before, returns there if nothing else is there, and is deleted otherwise."""
    if old.exists() and not path.exists():
        os.replace(old, path)
    remove(old)


def remove(path):
    """Deletes the file or folder at `path`, if there is one; of a link, only the link itself."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _flush(path):
    """A rename must not overtake the data: after a power cut the name would show an empty file."""
    for file in [path] if path.is_file() else [f for f in path.rglob("*") if f.is_file()]:
        with open(file, "rb") as handle:
            os.fsync(handle.fileno())
