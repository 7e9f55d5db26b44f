"""Networks for small images, by name: `build_model("resnet32", data)`.

- `resnet8`, `resnet20`, `resnet32`, `resnet56`, `resnet104`: 6n+2 layers of 16-32-64 channels; from 54 on, bottleneck blocks.
- `resnet18`: 64-128-256-512 channels, 40 times the weights of `resnet20`.
- `vgg16`: no shortcuts, one classifier layer.
- `mobilenet`: depthwise separable convolutions; few weights to spare.
- `mobilenet_xnnpack`: the same, built so that phones run its 1x1 convolutions sparsely.

All are plain functional models of standard Keras layers. They take images of 32x32 or larger (most smaller ones, too)
and give logits. Layers are named by their place, `stage1/block0/conv1`. Any other Keras model serves as well: nothing
else in the library knows these.

A new model is a function `(input_shape, num_classes, *, options) -> model` in a file here and a line in `MODELS`.
"""

from tfsparse.models.mobilenet import mobilenet
from tfsparse.models.mobilenet_xnnpack import mobilenet_xnnpack
from tfsparse.models.resnet import resnet8, resnet18, resnet20, resnet32, resnet56, resnet104
from tfsparse.models.vgg import vgg16
from tfsparse.registry import resolve

MODELS = {
    "resnet8": resnet8,
    "resnet18": resnet18,
    "resnet20": resnet20,
    "resnet32": resnet32,
    "resnet56": resnet56,
    "resnet104": resnet104,
    "vgg16": vgg16,
    "mobilenet": mobilenet,
    "mobilenet_xnnpack": mobilenet_xnnpack,
}


def build_model(name, data, *, width=1.0):
    """Builds a network for the images and classes of `data`, freshly initialised.

    Args:
        name: a name in `MODELS`, with options or without: `"resnet32"`, `"resnet18(width=0.5)"`.
        data: anything with `.input_shape` (height, width, channels) and `.num_classes`.
        width: multiplies the number of channels of every layer; 1.0 is the published network.

    Returns:
        A functional tf_keras model: float images [batch, *input_shape] to float32 logits [batch, num_classes].

    >>> import types
    >>> digits = types.SimpleNamespace(input_shape=(32, 32, 3), num_classes=10)
    >>> model = build_model("resnet20(width=0.25)", digits)
    >>> model.name, model.output_shape, model.layers[1].name
    ('resnet20', (None, 10), 'stem/conv')

    Raises:
        ValueError: unknown name or option, a width that is not positive or is given twice, an image too small for the
            network's strides, fewer than 2 classes.
    """
    entry, given = resolve(MODELS, name, "model", further={} if width == 1.0 else {"width": width})
    return entry(tuple(data.input_shape), data.num_classes, **given)
