"""Checks that a task can work with what it is given, and with the model that it trains."""


def loss_and_optimizer(loss, optimizer):
    """Raises ValueError for a loss or an optimizer of another kind than `Task` takes; either may be None."""
    if loss is not None and (isinstance(loss, type) or not callable(loss)):
        raise ValueError(
            "loss must be a Keras loss, such as keras.losses.MeanSquaredError(), or a function of (labels, outputs); "
            f"received {loss!r}."
        )
    if optimizer is not None and (isinstance(optimizer, type) or not callable(optimizer)):
        raise ValueError(
            "optimizer must be a function, since every training makes its own, such as "
            f"`lambda task: keras.optimizers.Adam(1e-3)`; received {optimizer!r}."
        )


def model_and_data(model, data):
    """Raises ValueError for a model of several inputs or outputs, or of inputs of another shape than the data's.

    A subclassed model shows neither, and is accepted.
    """
    if not model.inputs or not model.outputs:
        return
    if len(model.inputs) != 1 or len(model.outputs) != 1 or isinstance(model.output, dict):
        kind = "a dict of outputs" if isinstance(model.output, dict) else f"{len(model.outputs)} output(s)"
        raise ValueError(
            f"Model {model.name!r} has {len(model.inputs)} input(s) and {kind}: a Task is for one of each. Find its mask "
            "without data (erk, synflow), and train `ts.prepare(model, mask, recipe, task)` by a `fit` of your own."
        )
    own, given = tuple(model.inputs[0].shape[1:]), tuple(data.input_shape)
    shapes = (own, given), ((*own, 1), given), (own, (*given, 1))  # Keras adds or drops the 1
    if not any(_match(a, b) for a, b in shapes):
        raise ValueError(
            f"Model {model.name!r} takes inputs of shape {own}, those of the data {data.name!r} have {given}. Build the model "
            "for these, or resize the images."
        )


def _match(own, given):
    return len(own) == len(given) and all(a in (None, b) for a, b in zip(own, given, strict=True))
