"""Files to run a trained network elsewhere: `export_model(model, "tflite", "saved_models/mine")`.

- `saved_model`: TensorFlow Serving and everything else that runs TensorFlow.
- `tflite`: phones and boards; smaller if the network is sparse. Also `"tflite(dtype='float16')"`, `"tflite(dtype='int8')"`.
- `onnx`: onnxruntime and others; `pip install tfsparse[onnx]`.

All formats take images as they come (most often uint8), normalise them and give probabilities: of mutually exclusive classes,
or of independent labels (`outputs=`). Channels that the mask has killed are taken out first (`compact=True`), which is what
makes the file smaller and faster in every format. A file counts as exported only once it has been loaded back, has given the
Keras model's outputs on test images, and has been found to hold exactly the network's zeros. A model card lies beside each
file: `mine.tflite.card.md` for people, `mine.tflite.card.json` for programs.

To add a format, write a class with `suffix`, `name`, `tolerance`, `calibrates`, `variants(serving)` and a static
`load(path) -> Exported` in a file here, and add a line to `EXPORTERS`; its options are the keyword-only arguments of its
constructor.
"""

from tfsparse.export.assert_sparsity import assert_sparsity
from tfsparse.export.card import card_path
from tfsparse.export.compare import EXACT, Tolerance
from tfsparse.export.export_model import export_model
from tfsparse.export.exported import Exported
from tfsparse.export.formats import EXPORTERS, load_exported, make_exporter
from tfsparse.export.predict import Prediction, predict
from tfsparse.export.result import ExportError, ExportResult

__all__ = [
    "EXACT",
    "EXPORTERS",
    "ExportError",
    "ExportResult",
    "Exported",
    "Prediction",
    "Tolerance",
    "assert_sparsity",
    "card_path",
    "export_model",
    "load_exported",
    "make_exporter",
    "predict",
]
