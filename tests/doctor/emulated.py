"""Run by user-mode emulation of a processor without AVX: outputs of TFLite files, with nothing but their runtime.

emulated.py SITE_PACKAGES IMAGES.npy OUT.npz FILE.tflite...
"""

import sys


def main(site_packages, images, out, *files):
    sys.path.insert(0, site_packages)
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    images, outputs = np.load(images), {}
    for number, path in enumerate(files):
        interpreter = Interpreter(model_path=path, num_threads=1)
        interpreter.allocate_tensors()
        run = interpreter.get_signature_runner("serving_default")
        outputs[str(number)] = np.concatenate([run(images=image[None])["probabilities"] for image in images])
    np.savez(out, **outputs)


if __name__ == "__main__":
    main(*sys.argv[1:])
