"""Rescaled initialisation: one learned scale per weight tensor (GradInit), on the masked network."""

import logging

import numpy as np
import tensorflow as tf

from tfsparse import paths
from tfsparse.counterparts import copy_weights
from tfsparse.float32 import float32_twin, in_other_floats
from tfsparse.frozen import frozen
from tfsparse.graph import is_graph
from tfsparse.progress import progress
from tfsparse.recipe.before_norms import biases_before_norms
from tfsparse.recipe.ingredient import Ingredient
from tfsparse.recipe.scale_adam import ScaleAdam
from tfsparse.recipe.scale_steps import ScaleSteps
from tfsparse.second_derivatives import needed
from tfsparse.values import real, switch, whole

log = logging.getLogger(__name__)


class RescaledInit(Ingredient):
    """Learns one scale per tensor so that the first training step helps, and the gradient is not too large.

    Each iteration draws batches A and B and computes g = dL/dtheta on both together, G = ||g||. If G > gamma, the
    scales take a step that lowers G. Else they take one that lowers L(theta - eta * g / G) / eta on A and a fresh batch
    C, with eta * g / G held constant. The tensors' directions and zeros stay as they are.

    Paper: Zhu et al., GradInit: Learning to Initialize Neural Networks for Stable and Efficient Training, NeurIPS 2021;
    on masked networks Jaiswal et al., ICML 2022. Differences from the latter's code: pruned weights have no gradient here,
    so they take part neither in G nor in the step; a scale that cannot matter (of a bias before a norm) stays 1; and start
    weights that a mask was found for (`Mask.is_ticket`: masks of imp, gem_miner, gradual) are left as they were found.

    Args:
        iterations: steps of the scales.
        rate: their learning rate (Adam); a scale moves by at most about rate * iterations.
        gamma: the bound on G.
        eta: learning rate of the looked-ahead step.
        min_scale: lower bound of the scales (0 for biases), at most 1. The paper's code has 0.01: a norm
            scaled down that far gives next to nothing. Measurements of both are in docs/results.md.
        clip: bound of a scale's derivative.
        masked: False learns the scales on the dense network and masks afterwards, as some of the paper's scripts do.
        tickets: True rescales under the masks of tickets too, as the paper's code does.
    """

    starts_anew = True

    def __init__(
        self, *, iterations=180, rate=0.01, gamma=1.0, eta=0.1, min_scale=0.5, clip=1.0, masked=True, tickets=False
    ):
        self.iterations, self.masked = whole(iterations, "iterations"), switch(masked, "masked")
        self.tickets = switch(tickets, "tickets")
        self.rate, self.gamma = real(rate, "rate", "(0, inf)"), real(gamma, "gamma", "(0, inf)")
        self.eta, self.clip = real(eta, "eta", "(0, inf)"), real(clip, "clip", "(0, inf)")
        self.min_scale = real(min_scale, "min_scale", "[0, 1]")

    def before_mask(self, model, mask, task):
        if not self.masked and self._rescales(mask):
            self.run(model, None, task)

    def initialize(self, model, mask, task):
        if self.masked and self._rescales(mask):
            self.run(model, mask, task)

    def _rescales(self, mask):
        if mask is not None and mask.is_ticket and not self.tickets:
            log.info(
                "The mask was found for start weights of its own: nothing is rescaled (rescaled_init(tickets=True) would)."
            )
            return False
        if tf.distribute.has_strategy():
            raise ValueError(
                "The initialisation is rescaled on one device, outside strategy.scope(): take start = "
                "tfsparse.recipe.initial(model, mask, recipe, task) there, and in the scope "
                "prepare(start, mask, recipe, task, initialize=False)."
            )
        return True

    def run(self, model, mask, task):
        """Rescales the weights of `model` in place; computes in float32, unless the model is subclassed.

        Returns:
            One dict per iteration: `norm` (G), `loss`, `updated_loss` (None after a step on the norm), `scales`, and `names`,
            the paths of the weights in the order of the scales.
        """
        half = [layer for layer in in_other_floats(model) if layer.compute_dtype != "float64"]
        if not half or not is_graph(model):
            return self._learn(model, mask, task)
        twin = float32_twin(model)  # derivatives of derivatives would vanish in half precision
        rows = self._learn(twin, mask, task)
        copy_weights(twin, model)
        return rows

    def _learn(self, model, mask, task):
        by_id = {id(variable): name for name, variable in paths.weights(model).items()}
        variables = model.trainable_variables
        names = [by_id[id(variable)] for variable in variables]
        bounds = np.array([0.0 if name.endswith(("bias", "beta")) else self.min_scale for name in names])
        scaled = np.array([np.any(v.numpy()) for v in variables]) & ~np.isin(names, biases_before_norms(model))
        adam, mask = ScaleAdam(len(names), self.rate, bounds, self.clip), mask or {}
        masks = [tf.constant(mask[n], v.dtype) if n in mask else None for n, v in zip(names, variables, strict=True)]
        start = [tf.identity(variable) for variable in variables]
        rows, batches = [], _batches(task, 3 * self.iterations)
        log.info("Rescaling %d tensors in %d iterations.", int(scaled.sum()), self.iterations)
        with frozen(model, bn_mode="batch") as forward, progress() as shown:
            steps = ScaleSteps(model, forward, task.loss_for(model), masks, self.eta)
            for _ in shown(range(self.iterations), "Rescaling the initial weights"):
                with needed("rescaled_init", "Leave it out of the recipe."):
                    rows.append(self._iterate(steps, batches, adam, scaled))
                _check(rows[-1], len(rows) - 1)  # before any of it reaches the model
                for variable, value, scale in zip(variables, start, adam.scales, strict=True):
                    variable.assign(value * tf.cast(scale, value.dtype))
            final = [tf.identity(variable) for variable in variables]
        for variable, value in zip(variables, final, strict=True):  # `frozen` has put everything back
            variable.assign(value)
        log.info("Rescaled: gradient norm %.3g -> %.3g.", rows[0]["norm"], rows[-1]["norm"])
        return [{**row, "names": names} for row in rows]

    def _iterate(self, steps, batches, adam, scaled):
        (xa, ya), (xb, yb) = next(batches), next(batches)
        both = tf.concat([xa, xb], 0), tf.concat([ya, yb], 0)
        gradients, norm, loss = steps.gradient(*both)
        row = {"norm": float(norm), "loss": float(loss), "updated_loss": None}
        if row["norm"] > self.gamma:
            derivatives = steps.norm_derivatives(*both)
        else:
            xc, yc = next(batches)
            derivatives, updated = steps.ahead(tf.concat([xa, xc], 0), tf.concat([ya, yc], 0), gradients, norm)
            row["updated_loss"] = float(updated)
        # d objective / d scale = <d objective / d theta, theta> / scale
        adam.update(
            derivatives.numpy() * scaled / np.maximum(adam.scales, 1e-12), constraint=row["updated_loss"] is None
        )
        return {**row, "scales": adam.scales.copy()}


def _batches(task, count):
    """An iterator over at least `count` training batches, in one stream: opening one takes as long as many small batches."""
    return iter(task.data.epochs(0, -(-count // task.data.steps_per_epoch)))


def _check(row, iteration):
    """Raises FloatingPointError if an iteration's numbers, or the scales that it led to, cannot be used."""
    if not np.isfinite([row["norm"], row["loss"], row["updated_loss"] or 0.0, *row["scales"]]).all():
        raise FloatingPointError(
            f"Rescaled initialisation met a loss or gradient that is not finite in iteration {iteration}. "
            "Look at the data's normalisation, or leave rescaled_init out of the recipe."
        )
