"""What a mask does to a network, said before it is trained."""

from tfsparse.diagnosis.diagnose import diagnose
from tfsparse.diagnosis.diagnosis import Diagnosis
from tfsparse.diagnosis.layer import LayerDiagnosis

__all__ = ["Diagnosis", "LayerDiagnosis", "diagnose"]
