"""Steps of a training as calls of Keras' `fit`, which knows epochs of one length only."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Span:
    """Epochs `epoch` to `end - 1`, `steps` batches each, `skip` of the first one's data passed over."""

    epoch: int
    end: int
    steps: int
    skip: int = 0


def spans(first, end, per_epoch):
    """The steps from `first` to `end - 1` in spans: a partial epoch, whole ones, a partial one, as far as there are any.

    >>> [(span.epoch, span.end, span.steps, span.skip) for span in spans(5, 22, 4)]
    [(1, 2, 3, 1), (2, 5, 4, 0), (5, 6, 2, 0)]
    """
    while first < end:
        epoch, skip = divmod(first, per_epoch)
        if skip or end - first < per_epoch:
            span = Span(epoch, epoch + 1, min(end - first, per_epoch - skip), skip)
        else:
            span = Span(epoch, epoch + (end - first) // per_epoch, per_epoch)
        yield span
        first += span.steps * (span.end - span.epoch)
