"""At how many places of its inputs each kernel is used."""

import contextlib

import tensorflow as tf

from tfsparse.diagnosis.channels import places_of
from tfsparse.frozen import frozen


def places(model, owners, example):
    """path -> how often each weight of a kernel is used for one example, all calls of a shared layer together.

    Args:
        model: built model of any kind; run once, left as it is.
        owners: path -> the layer that made the weight.
        example: input of one example.
    """
    counts = {id(owner): 0 for owner in owners.values()}
    with contextlib.ExitStack() as stack:
        for owner in {id(owner): owner for owner in owners.values()}.values():
            stack.enter_context(_counted(owner, counts))
        with frozen(model) as forward:
            forward(example)
    return {path: counts[id(owner)] for path, owner in owners.items()}


@contextlib.contextmanager
def _counted(owner, counts):
    """Adds up the places of every call of one layer."""
    own, call = vars(owner), owner.call

    def counted(inputs, *args, **kwargs):
        outputs = call(inputs, *args, **kwargs)
        counts[id(owner)] += places_of(owner, tf.nest.flatten(inputs)[0], tf.nest.flatten(outputs)[0])
        return outputs

    before = own.get("call")
    own["call"] = counted
    try:
        yield
    finally:
        del own["call"]
        if before is not None:
            own["call"] = before
