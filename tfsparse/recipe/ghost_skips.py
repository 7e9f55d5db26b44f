"""Ghost skips: learnable shortcuts around single convolutions that fade out early in training."""

import tf_keras as keras

from tfsparse.compaction import arrivals
from tfsparse.recipe.ghost_places import chosen
from tfsparse.recipe.ghost_skip import GhostSkip
from tfsparse.recipe.ingredient import Ingredient
from tfsparse.recipe.strength import checked, clock_for
from tfsparse.values import real, switch

_APART = 10_007  # more than any network has ghosts: no two of them share a draw


class GhostSkips(Ingredient):
    """Adds `strength * BN(1x1 convolution of the input)` to the output of convolutions, before the activation.

        u = bn(conv(x)) + strength * ghost_bn(ghost(x))

    Gradients pass the sparse kernel until the strength, falling linearly, is 0 after the first `share` of training.

    Paper: Jaiswal et al., Training Your Sparse Neural Network Better with Any Mask, ICML 2022. There the ghosts sit in
    residual basic blocks, their kernels start at the constant 1e-4 and the strength stays 1; the fading and the start are ours.

    Args:
        share: of the training steps that the ghosts live, in (0, 1].
        hand_over: `"gradual"`; `"step"`: full strength until `share`, then none; `"constant"`: full to the end. After
            a constant ghost the stripped model is not the one that was trained.
        gain: factor of He's normal distribution, which the ghost kernels start from, drawn from the task's seed. Behind a
            norm smaller kernels turn more in a step.
        fill: constant that they start from instead; the paper's code has 1e-4. The gradient of a kernel whose outputs the
            norm divides by their tiny spread is huge: the first step throws it so far that all later ones hardly turn it,
            and what stays is a random projection.
        decays: whether the ghosts' own weights decay like all others; in `ts.train` only: with your own optimizer give them
            to its `exclude_from_weight_decay`.

    Which convolutions: in a network with residual sums, every one larger than 1x1 but the stem (both of a basic block,
    the 3x3 one of a bottleneck; projections have none), or, where only depthwise ones are larger, the 1x1 ones with a norm; in
    a plain one (VGG, MobileNet) every one. Depthwise convolutions have none: a ghost mixes channels, and when it has left,
    a kernel that sees one channel has nothing to take that over with. Nor have those with an activation inside that is no
    ReLU. The ghost goes in after the normalisation that follows, or at the convolution itself if none does. Where spatial
    sizes do not match (valid padding without a ZeroPadding2D before it) a convolution is left alone, and where it is frozen
    (`trainable=False`): its kernel could take over nothing.

    Dead channels get nothing: when the ghost has left, a channel that the inputs do not arrive at through live weights is a
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
        """Of one ghost. A seed of its own: every worker, and a process that goes on after a kill, must draw the same."""
        if self.fill is not None:
            return keras.initializers.Constant(self.fill)
        own = (number + _APART * seed) % (1 << 31)  # Keras' seeds are of 32 bits with a sign
        return keras.initializers.VarianceScaling(2.0 * self.gain**2, seed=own)  # He's at a gain of 1

    def _add(self, surgery, clock, ghost, source):
        return lambda output, tensor: ghost([output, tensor(source), clock.fed(tensor(surgery.inputs[0]))])


def _live(surgery, mask, places):
    """id of a convolution -> boolean array [filters], which of its outputs depend on the inputs, in any of its calls."""
    arrived, live = arrivals(surgery, mask), {}
    for call, _, place in places:
        live[id(call.layer)] = live.get(id(call.layer), False) | arrived[place.outputs.number]
    return live
