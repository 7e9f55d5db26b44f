"""Images per second that the input pipeline alone delivers, for each data set and augmentation.

    python benchmarks/input_pipeline.py [--data=digits,cifar10] [--seconds=2] [--repeats=3]

Data sets that are not on this machine are left out. Compare with the images per second that training reaches: training
must never wait for data.
"""

import statistics
import time

from absl import app, flags
from rich.console import Console
from rich.table import Table

from tfsparse.data import AUGMENTATIONS, DATASETS, DatasetNotFoundError, load_data

_DATA = flags.DEFINE_list("data", list(DATASETS), "Data sets, separated by commas.")
_AUGMENT = flags.DEFINE_list("augment", list(AUGMENTATIONS), "Augmentations, separated by commas.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 128, "Images a batch.", lower_bound=1)
_SECONDS = flags.DEFINE_float("seconds", 2.0, "How long one measurement takes, at least.", lower_bound=0.0)
_REPEATS = flags.DEFINE_integer("repeats", 3, "Measurements, of which the median counts.", lower_bound=1)


def images_per_second(data, seconds):
    """Rate of one stream of many epochs, after a first batch that bears the cost of starting up."""
    batches = iter(data.epochs(0, 100_000))
    next(batches)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds or not count:
        count += len(next(batches)[1])
    return count / (time.perf_counter() - start)


def main(_):
    console = Console()
    table = Table("images/s (ms a batch)", *_AUGMENT.value)
    for name in _DATA.value:
        cells = []
        try:
            for augment in _AUGMENT.value:
                data = load_data(name, batch_size=_BATCH_SIZE.value, augment=augment)
                rate = statistics.median(images_per_second(data, _SECONDS.value) for _ in range(_REPEATS.value))
                cells.append(f"{rate:,.0f} ({1000 * _BATCH_SIZE.value / rate:.1f})")
            table.add_row(name, *cells)
        except DatasetNotFoundError as error:
            console.print(f"{name} left out: {error}")
    console.print(table)


if __name__ == "__main__":
    app.run(main)
