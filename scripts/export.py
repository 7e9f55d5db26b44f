"""Exports the trained model of a run folder, or says what sparsity will buy where it runs.

python scripts/export.py --path=saved_models/my_run --format=tflite --out=small.tflite
python scripts/export.py --path=saved_models/my_run --doctor
python scripts/export.py --doctor --model=mobilenet_xnnpack --data=cifar10 --mask=erk --prunable=pointwise --sparsity=0.9
"""

import os
import signal
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up chatter hides what matters
signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback at Ctrl-C while modules load

from absl import flags as absl_flags
from rich.console import Console

from tfsparse import flags
from tfsparse.experiment import Experiment, examine, export_run
from tfsparse.files import check_out

PATH = flags.define_path("path", None, "Run folder.")
FORMAT = absl_flags.DEFINE_string(
    "format", "tflite", "saved_model, tflite, \"tflite(dtype='float16')\", \"tflite(dtype='int8')\" or onnx."
)
OUT = flags.define_path("out", None, "File or folder to write.")
OUTPUTS = absl_flags.DEFINE_enum(
    "outputs",
    "auto",
    ["auto", "softmax", "sigmoid", "as_is"],
    "What the network gives: logits of one class of several, logits of independent labels, or what the file shall give.",
)
DOCTOR = absl_flags.DEFINE_boolean(
    "doctor", False, "Say which layers will run sparsely where, and export nothing; without --path before any training."
)

# Settings that may be given along with --path; all others are the run's own.
_OF_A_RUN = ("data_dir", "compact_export")


def main(argv):
    changes = _instead() if PATH.value else {}
    if DOCTOR.value:
        with flags.reported_errors():
            found = examine(PATH.value, flags.read(Experiment), **changes)
        Console(width=None if sys.stdout.isatty() else 140).print(found.table())
        print(found)
        return
    if not PATH.value or not OUT.value:
        sys.exit("Give --path, a run folder, and --out, the file to write; or --doctor.")
    with flags.reported_errors():
        check_out(OUT.value, "--out", may_be_folder=True)
        print(export_run(PATH.value, FORMAT.value, OUT.value, outputs=OUTPUTS.value, **changes))


def _instead():
    """Settings given on the command line, which replace the run's own."""
    given = flags.given(Experiment)
    others = [f"--{name}" for name in given if name not in _OF_A_RUN]
    if others:
        sys.exit(f"{', '.join(others)}: a run has its own settings. Leave them out where --path is given.")
    return {name: getattr(flags.read(Experiment), name) for name in given}


if __name__ == "__main__":
    flags.define(Experiment)
    flags.run(main)
