"""Run where TensorFlow is installed and neither this library nor TF-MOT nor tf_keras: serves a SavedModel.

bare_serve.py SAVED_MODEL IMAGES.npy OUT.npy
"""

import importlib.util
import sys


def main(saved_model, images, out):
    present = [n for n in ("tfsparse", "tf_keras", "tensorflow_model_optimization") if importlib.util.find_spec(n)]
    if present:
        sys.exit(f"installed here: {present}")
    import numpy as np
    import tensorflow as tf

    loaded = tf.saved_model.load(saved_model)
    serve = loaded.signatures["serving_default"]
    images = np.load(images)
    whole = serve(images=tf.constant(images))["probabilities"].numpy()
    one = serve(images=tf.constant(images[:1]))["probabilities"].numpy()
    np.testing.assert_allclose(whole[:1], one, atol=1e-6)
    print(",".join(name.decode() for name in loaded.signatures["class_names"]()["class_names"].numpy()))
    np.save(out, whole)


if __name__ == "__main__":
    main(*sys.argv[1:])
