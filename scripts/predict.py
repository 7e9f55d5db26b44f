"""Most probable classes of image files, by an exported network of any format.

python scripts/predict.py saved_models/my_run/model.tflite cat.png dog.jpg --top=3
"""

import os
import signal
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up chatter hides what matters
signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback at Ctrl-C while modules load

from absl import flags as absl_flags

from tfsparse import flags
from tfsparse.export import predict

TOP = absl_flags.DEFINE_integer("top", 5, "How many classes to show.")
WHITE = absl_flags.DEFINE_float(
    "white",
    None,
    "Only for networks that take float32 images: the value of white in their data, such as 1.0 or 16; black is 0.",
)


def main(argv):
    if len(argv) < 3:
        sys.exit("Give an exported file and one or more image files: scripts/predict.py FILE IMAGE...")
    with flags.reported_errors():
        for found in predict(argv[1], argv[2:], top=TOP.value, white=WHITE.value):
            print(f"{found.path}" + (f" ({found.fitted})" if found.fitted else ""))
            for name, probability in found.classes:
                print(f"  {probability:6.1%}  {name}" if found.probable else f"  {probability:10.4g}  {name}")


if __name__ == "__main__":
    flags.run(main, arguments=True)
