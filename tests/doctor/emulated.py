"""Run by user-mode emulation of a processor without AVX: outputs of TFLite files, with nothing but their runtime.

emulated.py SITE_PACKAGES IMAGES.npy OUT.npz FILE.tflite...
"""

import sys

sys.path.insert(0, sys.argv[1])

import numpy as np
from ai_edge_litert.interpreter import Interpreter

images, outputs = np.load(sys.argv[2]), {}
for number, path in enumerate(sys.argv[4:]):
    interpreter = Interpreter(model_path=path, num_threads=1)
    interpreter.allocate_tensors()
    run = interpreter.get_signature_runner("serving_default")
    outputs[str(number)] = np.concatenate([run(images=image[None])["probabilities"] for image in images])
np.savez(sys.argv[3], **outputs)
