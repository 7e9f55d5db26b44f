"""Exports the trained model of a run folder.

python scripts/export.py --path=saved_models/my_run --format=tflite --out=small.tflite
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up chatter hides what matters

from absl import flags as absl_flags

from tfsparse import flags
from tfsparse.experiment import export_run

PATH = absl_flags.DEFINE_string("path", None, "Run folder.")
FORMAT = absl_flags.DEFINE_string("format", "tflite", "saved_model, tflite or 'tflite(sparse=False)'.")
OUT = absl_flags.DEFINE_string("out", None, "File or folder to write.")
DATA_DIR = absl_flags.DEFINE_string("data_dir", None, "Where TFDS keeps data sets; default: as in the run.")


def main(argv):
    if not PATH.value or not OUT.value:
        sys.exit("Give --path, a run folder, and --out, the file to write.")
    changes = {"data_dir": DATA_DIR.value} if DATA_DIR.value else {}
    with flags.reported_errors():
        print(export_run(PATH.value, FORMAT.value, OUT.value, **changes))


if __name__ == "__main__":
    flags.run(main)
