"""Masks and the layers that hold them.

- `Mask`: which weights live; saves, loads, checks itself against a model.
- `prunable`: which weights of a model a mask is for.
- `import_mask`, `export_mask`: read masks from PyTorch, and write them for it.
- `mask_gradients`: makes optimizers see the gradients of live weights only.
- `sparsify`: a copy of a model in which a mask holds after every optimizer step.
"""

from tfsparse.mask.interchange import export_mask, import_mask
from tfsparse.mask.mask import Mask
from tfsparse.mask.masked_gradients import MaskGradients, mask_gradients
from tfsparse.mask.masked_layer import MaskedLayer, of_training
from tfsparse.mask.prunable import check_model, prunable
from tfsparse.mask.sparsify import apply_mask, checked, hold, sparsify

__all__ = [
    "Mask",
    "MaskGradients",
    "MaskedLayer",
    "apply_mask",
    "check_model",
    "checked",
    "export_mask",
    "hold",
    "import_mask",
    "mask_gradients",
    "of_training",
    "prunable",
    "sparsify",
]
