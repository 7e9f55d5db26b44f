"""What a mask leaves of a network: `diagnose(model, mask)`, and its picture."""

from tfsparse.diagnosis.diagnose import diagnose, operations
from tfsparse.diagnosis.diagnosis import Diagnosis
from tfsparse.diagnosis.layer import LayerDiagnosis

__all__ = ["Diagnosis", "LayerDiagnosis", "diagnose", "operations"]
