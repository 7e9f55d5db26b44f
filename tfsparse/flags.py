"""Command-line flags from dataclass fields: name, type, default and help of a setting are in one place."""

import contextlib
import dataclasses
import difflib
import functools
import logging
import os
import signal
import sys
import warnings

import tensorflow as tf
from absl import app, flags
from absl import logging as absl_logging

TRACEBACK = "TFSPARSE_TRACEBACK"

_DEFINE = {bool: flags.DEFINE_boolean, int: flags.DEFINE_integer, float: flags.DEFINE_float, str: flags.DEFINE_string}


def setting(default, help, choices=None, path=False):
    """A dataclass field that becomes a flag.

    Args:
        default: its value when the flag is not given; decides the type, None is a string.
        help: what it takes, in a sentence; numbers with their unit.
        choices: the values it may have; None: any.
        path: whether it may be a path, in which a leading `~` is the home folder.
    """
    return dataclasses.field(default=default, metadata={"help": help, "choices": choices, "path": path})


def define(cls, only=None):
    """Defines one absl flag for each field of dataclass `cls` (only those named in `only`, if given)."""
    for field in dataclasses.fields(cls):
        if only is None or field.name in only:
            text, choices = field.metadata["help"], field.metadata["choices"]
            owner = {"module_name": sys.argv[0]}  # --help shows the flags of the script itself only
            if choices:
                flags.DEFINE_enum(field.name, field.default, choices, text, **owner)
            elif field.metadata["path"]:
                define_path(field.name, field.default, text)
            else:
                kind = str if field.default is None else type(field.default)
                _DEFINE[kind](field.name, field.default, text, **owner)


def define_path(name, default, help, *, required=False, many=False):
    """Defines one absl flag that is a path, or (`many`) a list of paths, one each time it is given; returns its holder.

    A leading `~` is the home folder: the shell does not expand it after a `=`, and flagfiles do not pass through a shell.
    """
    about = {"module_name": sys.argv[0], "required": required}
    if many:
        return flags.DEFINE_multi(_Path(), flags.ArgumentSerializer(), name, default, help, **about)
    return flags.DEFINE(_Path(), name, default, help, serializer=flags.ArgumentSerializer(), **about)


class _Path(flags.ArgumentParser):
    def parse(self, argument):
        return os.path.expanduser(super().parse(argument))


def read(cls):
    """An instance of `cls` from the flags that are defined and parsed; fields without a flag keep their default."""
    defined = flags.FLAGS.flag_values_dict()
    return cls(**{f.name: defined[f.name] for f in dataclasses.fields(cls) if f.name in defined})


def given(cls):
    """Names of the fields of `cls` whose flags were given on the command line or in a flagfile."""
    defined = flags.FLAGS
    return [field.name for field in dataclasses.fields(cls) if field.name in defined and defined[field.name].present]


def run(main, arguments=False):
    """Runs `main(argv)` as absl does, with the library's messages on the terminal.

    Args:
        main: function that takes a list, the script's name and its arguments.
        arguments: whether there may be arguments that are not flags.

    An unknown flag is refused before anything runs, and the nearest known name suggested.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)  # from now on Ctrl-C is answered in words
    absl_logging.set_verbosity(absl_logging.WARNING)  # hides TensorFlow's and TFDS's internal notes
    library = logging.getLogger("tfsparse")
    library.setLevel(logging.INFO)
    library.propagate = False  # absl's root handler would say everything twice
    library.addHandler(logging.StreamHandler())
    warnings.showwarning = lambda message, *rest, **more: library.warning("Warning: %s", message)
    app.run(main, flags_parser=functools.partial(_parse, arguments=arguments))


@contextlib.contextmanager
def reported_errors(interrupted=""):
    """Ends the program with one clear line instead of a traceback after a user's mistake, a full disk or Ctrl-C.

    Args:
        interrupted: what to say after Ctrl-C; the exit status is then 130, otherwise 1.

    With the environment variable `TFSPARSE_TRACEBACK` set, errors show their traceback.
    """
    try:
        yield
    except KeyboardInterrupt:
        _stop(f"\nInterrupted. {interrupted}".rstrip(), 130)
    except (ValueError, TypeError, OSError, RuntimeError, ArithmeticError, tf.errors.OpError) as error:
        if os.environ.get(TRACEBACK):
            raise
        if isinstance(error, TypeError | tf.errors.OpError):  # hardly the user's fault
            print(f"Set {TRACEBACK}=1 for the traceback.", file=sys.stderr)
        _stop(f"{type(error).__name__}: {error}", 1)


def _parse(argv, arguments):
    try:
        rest = flags.FLAGS(argv)
    except flags.UnrecognizedFlagError as error:
        near = difflib.get_close_matches(error.flagname, list(flags.FLAGS), n=1)
        hint = f" Did you mean --{near[0]}?" if near else ""
        _stop(f"Unknown flag --{error.flagname}.{hint} --help lists all flags.", 2)
    except flags.CantOpenFlagFileError as error:
        message = str(error).removeprefix("ERROR:: ")
        _stop(f"{message}. Paths of flagfiles are relative to the folder the command runs in.", 2)
    except UnicodeDecodeError as error:  # absl names no file
        _stop(f"A flagfile is not UTF-8 text ({error}). Save it as UTF-8.", 2)
    except flags.Error as error:
        _stop(f"{str(error).rstrip('.')}. --help lists all flags.", 2)
    if len(rest) > 1 and not arguments:
        _stop(f"Unexpected argument {rest[1]!r}: settings are given as flags, --name=value. --help lists them.", 2)
    return rest


def _stop(message, status):
    print(message, file=sys.stderr)
    sys.exit(status)
