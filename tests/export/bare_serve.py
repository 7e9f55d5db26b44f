"""Run where TensorFlow is installed and neither this library nor TF-MOT nor tf_keras: serves a SavedModel.

bare_serve.py SAVED_MODEL IMAGES.npy OUT.npy
"""

import importlib.util
import sys

present = [name for name in ("tfsparse", "tf_keras", "tensorflow_model_optimization") if importlib.util.find_spec(name)]
if present:
    sys.exit(f"installed here: {present}")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

loaded = tf.saved_model.load(sys.argv[1])
serve = loaded.signatures["serving_default"]
images = np.load(sys.argv[2])
whole = serve(images=tf.constant(images))["probabilities"].numpy()
one = serve(images=tf.constant(images[:1]))["probabilities"].numpy()
np.testing.assert_allclose(whole[:1], one, atol=1e-6)
names = [name.decode() for name in loaded.signatures["class_names"]()["class_names"].numpy()]
print(",".join(names))
np.save(sys.argv[3], whole)
