"""Files to run a trained network elsewhere: `export_model(model, "tflite", "saved_models/mine")`.

- `saved_model`: TensorFlow Serving and everything else that runs TensorFlow.
- `tflite`: phones and boards; small where the network is sparse. `"tflite(dtype='float16')"`, `"tflite(dtype='int8')"`.
- `onnx`: onnxruntime and others; `pip install tfsparse[onnx]`.

All take images as they come, uint8 most often, normalise them and give probabilities: of one class of several, or of labels
each on its own (`outputs=`). Channels that the mask has killed are taken out first (`compact=True`): that is what makes every
format smaller and faster. No file counts as exported before it was loaded back, gave the Keras model's outputs on test
images, and was found to hold exactly the network's zeros. A model card lies beside each: `mine.tflite.card.md` to read,
`mine.tflite.card.json` for programs.

A new format is a class with `suffix`, `name`, `tolerance`, `calibrates`, `variants(serving)` and a static
`load(path) -> Exported`, in a file here, and a line in `EXPORTERS`; its options are the keyword-only arguments of its
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
