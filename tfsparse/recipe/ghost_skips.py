"""Ghost skips: learnable shortcuts around single convolutions that fade out early in training."""

import tf_keras as keras

from tfsparse.compaction import arrivals
from tfsparse.recipe.ghost_places import chosen
from tfsparse.recipe.ghost_skip import GhostSkip
from tfsparse.recipe.ingredient import Ingredient
from tfsparse.recipe.strength import checked, clock_for
from tfsparse.values import real, switch

_APART = 10_007  # more than any network has ghosts, so that no two share a draw


class GhostSkips(Ingredient):
    """Adds `strength * BN(1x1 convolution of the input)` to the output of convolutions, before the activation.

        u = bn(conv(x)) + strength * ghost_bn(ghost(x))

    Gradients bypass the sparse kernel until the strength, which falls linearly, is 0 after the first `share` of training.

    Paper: Jaiswal et al., Training Your Sparse Neural Network Better with Any Mask, ICML 2022. There the ghosts sit in
    residual basic blocks, their kernels start at the constant 1e-4 and the strength stays 1; the fading and the start are ours.

    Args:
        share: part of the training steps during which the ghosts live, in (0, 1].
        hand_over: `"gradual"`; `"step"`: full strength until `share`, then none; `"constant"`: full to the end. After
            a constant ghost the stripped model is not the one that was trained.
        gain: factor of He's normal distribution, from which the ghost kernels start, drawn with the task's seed. Since a
            norm follows, smaller kernels change direction more in a step.
        fill: constant that they start from instead; the paper's code has 1e-4. The norm divides the kernel's outputs by
            their tiny spread, so its gradient is huge: the first step throws it so far that later ones hardly turn it, and
            what remains is a random projection.
        decays: whether the ghosts' own weights decay like all others. Applies in `ts.train` only: with your own optimizer,
            pass them to its `exclude_from_weight_decay`.

    Which convolutions: in a network with residual sums, all larger than 1x1 except the stem (both of a basic block, the 3x3
    one of a bottleneck; projections get none), or, where only depthwise ones are larger, the 1x1 ones with a norm; in a plain
    network (VGG, MobileNet), all. Depthwise convolutions get none: a ghost mixes channels, and when it has left, a kernel
    that sees one channel cannot take that over. Nor do convolutions with a fused activation other than ReLU. The ghost is
    added after the normalisation that follows, or after the convolution itself if none does. A convolution is left alone
    where spatial sizes do not match (valid padding without a ZeroPadding2D before it), and where it is frozen
    (`trainable=False`): its kernel could take over nothing.

    Dead channels get nothing: when the ghost has left, a channel that the inputs do not reach through live weights is a
    constant, which could take over nothing. (The paper's code feeds them all.)
    """

    needs_graph = starts_anew = True

    def __init__(self, *, share=0.1, hand_over="gradual", gain=1.0, fill=None, decays=True):
        self.gain, self.decays = real(gain, "gain", "(0, inf)"), switch(decays, "decays")
        self.fill = None if fill is None else real(fill, "fill", "(-inf, inf)")
        if fill is not None and gain != 1.0:
            raise ValueError(
                f"ghost_skips takes gain={gain!r} or fill={fill!r}, not both: a constant start has no gain."
            )
        self.share, self.hand_over = checked(share, hand_over)

    def dress(self, surgery, mask, task):
        clock = clock_for(self, task, "ghost_skips")
        places = list(chosen(surgery))
        live = {} if mask is None else _live(surgery, mask, places)
        ghosts = {}
        for call, source, place in places:
            if id(call.layer) not in ghosts:
                named = {"name": f"{call.path}/ghost_skip", "dtype": surgery.policy(place)}
                own = (place.outputs.shape[-1], call.layer.strides, self._start(len(ghosts), task.seed), clock.name)
                ghosts[id(call.layer)] = GhostSkip(*own, live.get(id(call.layer)), self.decays, **named)
            surgery.after(place, self._add(surgery, clock, ghosts[id(call.layer)], source))
        if not ghosts:
            raise ValueError(
                f"Model {surgery.model.name!r} has no convolution that a ghost skip fits around: "
                "leave ghost_skips out of the recipe. Frozen ones have none."
            )

    def _start(self, number, seed):
        """Start of one ghost, with a seed of its own: all workers, and a process resumed after a kill, must draw the same."""
        if self.fill is not None:
            return keras.initializers.Constant(self.fill)
        own = (number + _APART * seed) % (1 << 31)  # Keras' seeds are signed 32-bit integers
        return keras.initializers.VarianceScaling(2.0 * self.gain**2, seed=own)  # He's at a gain of 1

    def _add(self, surgery, clock, ghost, source):
        return lambda output, tensor: ghost([output, tensor(source), clock.fed(tensor(surgery.inputs[0]))])


def _live(surgery, mask, places):
    """id of a convolution -> boolean array [filters]: which of its outputs depend on the inputs in any of its calls."""
    arrived, live = arrivals(surgery, mask), {}
    for call, _, place in places:
        live[id(call.layer)] = live.get(id(call.layer), False) | arrived[place.outputs.number]
    return live
