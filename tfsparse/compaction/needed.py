"""Which channels the outputs need."""

import dataclasses

import numpy as np

from tfsparse.compaction.blocks import broken, in_blocks
from tfsparse.compaction.constants import Constants, pads
from tfsparse.compaction.weights import kernel_of, uses


@dataclasses.dataclass
class Reader:
    """A call that mixes channels: what it reads, what it writes, and which of its inputs it can do without.

    Args:
        call: `Call`.
        inputs, outputs: classes of its channels.
        used: boolean [inputs, outputs], whether any live weight leads from one to the other.
        constant: float64 [inputs], the inputs that are constants, else NaN.
        spared: boolean [inputs], the inputs that may go although they are used, because they are constants.
        blocks: whether the zeros come in blocks of inputs that go together or not at all.
    """

    call: object
    inputs: np.ndarray
    outputs: np.ndarray
    used: np.ndarray
    constant: np.ndarray
    spared: np.ndarray
    blocks: bool = False

    def reads(self, needed):
        """Boolean [inputs]: whether an output that is needed uses it."""
        return self.used[:, needed[self.outputs]].any(1)

    def carried(self, needed):
        """Places of the inputs whose constants one input must carry, because of the map's border: those used and not 0."""
        if not pads(self.call):
            return np.zeros(0, int)
        return np.flatnonzero(self.reads(needed) & self.spared & (self.constant != 0))


def readers(surgery, channels, live, training):
    """The `Reader`s of a graph."""
    constants = Constants(surgery, channels, live, training)
    mixing = [call for call, kind in channels.roles.items() if kind == "mixing"]
    calls = [id(call.layer) for call in mixing]
    found = []
    for call in mixing:
        (ref,) = call.inputs
        value = constants.values[ref.number]
        spared = constants.settled[ref.number] if training else ~np.isnan(value)
        if training or calls.count(id(call.layer)) > 1:  # the calls of a shared layer have one bias
            spared = spared & (value == 0)
        used = uses(live(call.path, call.layer))
        blocks = not training and len(call.layer.kernel.shape) == 2 and in_blocks(kernel_of(call.layer))
        found.append(Reader(call, channels.of(ref), channels.of(call.outputs), used, value, spared, blocks))
    return found


def needed(channels, found):
    """Boolean array [classes]: what must stay. The rest is read by nothing that stays, or is a constant that can be folded."""
    stays = channels.fixed.copy()
    while True:
        _follow(stays, found)
        more = _empty(stays, channels) + _carriers(stays, found) + _blocks(stays, found)
        if not more:
            return stays
        stays[more] = True


def _follow(stays, found):
    """Adds what is read by what stays, until nothing is added."""
    before = -1
    while before != stays.sum():
        before = stays.sum()
        for reader in found:
            stays[reader.inputs[reader.reads(stays) & ~reader.spared]] = True


def _empty(stays, channels):
    """A class for every tensor that would be left with none: every layer must write something."""
    tensors = (channels.of(ref) for call in channels.roles for ref in call.inputs)
    return [int(classes[0]) for classes in tensors if not stays[classes].any()]


def _carriers(stays, found):
    """A class for every padded kernel that reads constants: one channel carries them all, padded with zeros as they are."""
    chosen = []
    for reader in found:
        places = reader.carried(stays)
        if len(places) and not stays[reader.inputs[places]].any():
            chosen.append(int(reader.inputs[places[np.argmax(abs(reader.constant[places]))]]))
    return chosen


def _blocks(stays, found):
    """The classes that complete the blocks of which only a part stays."""
    readers = [reader for reader in found if reader.blocks]
    return [int(c) for reader in readers for c in reader.inputs[broken(stays[reader.inputs])]]
