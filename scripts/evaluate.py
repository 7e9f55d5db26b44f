"""Accuracy of a run folder or of an exported file, of any format, on a data set.

python scripts/evaluate.py --path=saved_models/my_run
python scripts/evaluate.py --path=model.tflite --data=cifar10
"""

import os
import signal
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up chatter hides what matters
signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback at Ctrl-C while modules load

from absl import flags as absl_flags

from tfsparse import flags
from tfsparse.experiment import evaluate_files

PATH = flags.define_path("path", None, "Run folder, SavedModel folder, .tflite or .onnx file.")
DATA = absl_flags.DEFINE_string("data", None, "Data set; default: the run's own. A file needs one.")
SPLIT = absl_flags.DEFINE_enum("split", "test", ["test", "validation"], "Part of the data set.")
DATA_DIR = flags.define_path("data_dir", None, "Where TFDS keeps data sets.")
DOWNLOAD = absl_flags.DEFINE_boolean("download", False, "Download the data set if it is not there.")


def main(argv):
    if not PATH.value:
        sys.exit("Give --path: a run folder, a SavedModel folder, a .tflite or an .onnx file.")
    settings = {"data": DATA.value, "data_dir": DATA_DIR.value, "download": DOWNLOAD.value}
    with flags.reported_errors():
        for name, accuracy in evaluate_files(PATH.value, SPLIT.value, **settings).items():
            print(f"{name}: {SPLIT.value} accuracy {accuracy:.4f}")


if __name__ == "__main__":
    flags.run(main)
