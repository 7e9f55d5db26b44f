"""What sparsity will buy where a network runs, said before it is trained: `doctor(model, mask)`.

Most kernels are never computed sparsely: LiteRT unpacks them when it loads the file. Three things pay: channels that are
dead altogether (taken out by every export, on every processor); 1x1 convolutions more than two thirds zero, in a network
built to XNNPACK's conditions, on ARM (not on x86 with AVX); dense layers in blocks of four inputs, on both.
"""

from tfsparse.doctor.checkup import Checkup, LayerCheckup
from tfsparse.doctor.doctor import doctor

__all__ = ["Checkup", "LayerCheckup", "doctor"]
