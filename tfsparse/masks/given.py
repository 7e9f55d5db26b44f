"""A mask that was found before, here or elsewhere."""

import logging

from tfsparse.mask.mask import Mask
from tfsparse.mask.mask_file import read_mask_file
from tfsparse.masks.allocate import live_count

log = logging.getLogger(__name__)


def given_mask(model, mask, sparsity, exclude, further):
    """A `Mask`, or the mask of a file, checked against `model`; `.npz` files are taken as PyTorch's.

    Raises:
        ValueError: it does not fit, or options are given. FileNotFoundError: no such file.
    """
    if further:
        raise ValueError(f"A mask that is given takes no options, received {', '.join(further)}.")
    if exclude:
        raise ValueError(f"A mask that is given says itself which weights it is for: leave exclude={exclude!r} out.")
    if not isinstance(mask, Mask):
        mask = read_mask_file(mask, model)
    mask.check(model)
    if sparsity is not None and live_count(sparsity, mask.total) != mask.live:
        log.warning("The mask has sparsity %.4f; sparsity=%s is not used.", mask.sparsity, sparsity)
    return mask
