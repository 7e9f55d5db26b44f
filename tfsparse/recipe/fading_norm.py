"""A BatchNorm whose outputs fade."""

import tensorflow as tf
import tf_keras as keras


@keras.utils.register_keras_serializable(package="tfsparse")
class FadingNorm(keras.layers.BatchNormalization):
    """`strength * BatchNorm(x)`, in no more passes over the activations than BatchNorm takes.

    >>> norm = FadingNorm(scale=False)
    >>> norm(tf.constant([[[[4.0]]], [[[8.0]]]]), tf.constant(0.5), training=True).numpy().ravel().round(3).tolist()
    [-0.5, 0.5]
    """

    def call(self, inputs, strength, training=None):
        if not self.fused or not (self.scale and self.center):
            return tf.cast(strength, inputs.dtype) * super().call(inputs, training=training)
        # Bypasses Keras, which would track them. (Replicas share this layer, but the fused path never waits for another one.)
        own, scale, offset = vars(self), self.gamma, self.beta
        own["gamma"], own["beta"] = (tf.cast(strength, scale.dtype) * weight for weight in (scale, offset))
        try:
            return super().call(inputs, training=training)
        finally:
            own["gamma"], own["beta"] = scale, offset
