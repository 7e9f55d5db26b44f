"""The gradients that rescaled initialisation needs: of the loss, of the gradient's norm, of the loss a step ahead."""

import tensorflow as tf

from tfsparse.task.batch_loss import batch_loss


class ScaleSteps:
    """The three computations of an iteration.

    Args:
        model: the plain masked model.
        forward: its forward pass, BatchNorm on batch statistics.
        loss: Keras loss.
        masks: one tensor of 0 and 1, or None, for each trainable variable of the model.
        eta: learning rate of the looked-ahead step.

    `gradient(x, y)` gives (gradients, their norm, loss); `norm_derivatives(x, y)` the derivative of that norm along each
    variable; `ahead(x, y, gradients, norm)` that of the loss after a step, divided by eta, and this loss itself.
    """

    def __init__(self, model, forward, loss, masks, eta):
        self.forward, self.loss, self.masks, self.eta = forward, loss, masks, eta
        self.variables = model.trainable_variables
        self.gradient = tf.function(self._gradient, reduce_retracing=True)
        self.ahead = tf.function(self._ahead, reduce_retracing=True)

    def _gradient(self, x, y):
        with tf.GradientTape() as tape:
            loss = batch_loss(self.loss, y, self.forward(x))
        # Dense, including those of an Embedding: rows that occur twice in a batch are summed.
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, self.variables, unconnected_gradients="zero")]
        gradients = [g if m is None else g * m for g, m in zip(gradients, self.masks, strict=True)]
        return gradients, tf.linalg.global_norm(gradients), loss

    def norm_derivatives(self, x, y):
        # Op by op: in a graph, TensorFlow fuses gradients on the CPU (such as those of a convolution's kernel and bias), even
        # if a second derivative leads from one to the other. Seen: "nodes in a cycle", and other numbers in every process.
        with tf.GradientTape() as tape:
            _, norm, _ = self._gradient(x, y)
        return self._along_scales(tape.gradient(norm, self.variables, unconnected_gradients="zero"))

    def _ahead(self, x, y, gradients, norm):
        before = [tf.identity(variable) for variable in self.variables]
        for variable, gradient in zip(self.variables, gradients, strict=True):
            variable.assign_sub(self.eta * gradient / norm)
        with tf.GradientTape() as tape:
            loss = batch_loss(self.loss, y, self.forward(x))
            objective = loss / self.eta
        derivatives = tape.gradient(objective, self.variables, unconnected_gradients="zero")
        for variable, value in zip(self.variables, before, strict=True):
            variable.assign(value)
        return self._along_scales(derivatives), loss

    def _along_scales(self, derivatives):
        dense = [tf.convert_to_tensor(derivative) for derivative in derivatives]
        return tf.stack([tf.reduce_sum(d * v) for d, v in zip(dense, self.variables, strict=True)])
