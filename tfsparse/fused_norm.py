"""Batch normalisation by TensorFlow's fused kernel, with second derivatives that are right and fast."""

import tensorflow as tf


def fused(x, scale, offset, epsilon, data_format):
    """`scale * (x - mean) / sqrt(variance + epsilon) + offset` by TensorFlow's fused kernel, differentiable twice.

    TensorFlow differentiates that kernel's gradient part by part, in some fifty passes over the activations; here it takes
    ten, two of them in the kernel.

    Args:
        x: activations.
        scale: one number per channel, float32; `offset` likewise.
        epsilon: added to the variance.
        data_format: the letters of the axes, as `"NHWC"`.

    >>> fused(tf.constant([[[[1.0]]], [[[3.0]]]]), tf.ones(1), tf.zeros(1), 0.0, "NHWC").numpy().ravel().tolist()
    [-1.0, 1.0]
    """
    options = {"epsilon": epsilon, "data_format": data_format}

    @tf.custom_gradient
    def forward(x, scale, offset):
        out = tf.raw_ops.FusedBatchNormV3(x=x, scale=scale, offset=offset, mean=[], variance=[], **options)
        return out.y, lambda slope: _gradient(slope, x, scale, out, options)

    return forward(x, scale, offset)


def _gradient(slope, x, scale, out, options):
    """Gradients with respect to x, scale and offset, which can be differentiated once more.

    With z = (x - mean) / deviation and P(v) = v - mean(v) - z * mean(v * z), the gradient with respect to x is
    scale / deviation * P(slope). P is symmetric, so the kernel that computes it also computes its derivative in the slope.
    """
    axes = [axis for axis, letter in enumerate(options["data_format"]) if letter != "C"]
    spread = [-1 if letter == "C" else 1 for letter in options["data_format"]]
    number = tf.cast(tf.size(x) / tf.size(scale), scale.dtype)  # of values per channel
    variance = out.batch_variance * tf.maximum(number - 1, 1) / number  # the kernel's is unbiased
    deviation = tf.sqrt(variance + options["epsilon"])

    def kernel(slope, x, scale):
        spaces = {f"reserve_space_{place}": getattr(out, f"reserve_space_{place}") for place in (1, 2, 3)}
        parts = tf.raw_ops.FusedBatchNormGradV3(y_backprop=slope, x=x, scale=scale, **spaces, **options)
        return parts.x_backprop, parts.scale_backprop, parts.offset_backprop

    def affine(x, scale, offset):
        """scale * z + offset, in one pass."""
        scaled = {"x": x, "scale": scale, "offset": offset, "mean": out.batch_mean, "variance": variance}
        return tf.raw_ops.FusedBatchNormV3(**scaled, **options, is_training=False).y

    @tf.custom_gradient
    def first(slope, x, scale):
        in_x, in_scale, in_offset = kernel(slope, x, scale)

        def second(u, p, q):
            wide = lambda values: tf.cast(tf.reshape(values, spread), x.dtype)  # noqa: E731
            in_slope, u_z, u_sum = kernel(u, x, scale)
            a, b, mean_u, mean_slope = u_z / number, in_scale / number, u_sum / number, in_offset / number
            product = tf.reduce_mean(tf.cast(u * slope, scale.dtype), axes)
            c = product - mean_u * mean_slope - a * b
            k, h = scale / deviation**2, p / deviation
            change = wide(-k * b) * u + wide(h - k * a) * slope
            change += affine(x, k * (2 * a * b - c) - h * b, k * (b * mean_u + a * mean_slope) - h * mean_slope)
            return in_slope + affine(x, p, q), change, number * c / deviation

        return (in_x, in_scale, in_offset), second

    return first(slope, x, scale)
