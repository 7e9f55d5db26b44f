"""Finds a TensorFlow data set on disk, or fetches and prepares it."""

import contextlib
import logging
import pathlib

from google.protobuf import json_format

from tfsparse.data.alone import alone
from tfsparse.data.errors import DatasetCorruptedError, DatasetNotFoundError
from tfsparse.files import end_swap, remove

log = logging.getLogger(__name__)


def prepared(make_builder, name, *, download, manual=None, outdated=None):
    """The builder of a data set that is on disk, after fetching it if `download` says so.

    Args:
        make_builder: function () -> TFDS builder.
        name: as in `DATASETS`.
        download: whether a missing set may be fetched.
        manual: None, or function (manual folder) -> whether the set's original files lie there, so that it can be
            prepared without a network.
        outdated: None, or function (builder, manual folder) -> whether what is on disk is a part, and more is available: the
            set is then prepared anew. If that fails, the part stays.

    Raises:
        DatasetNotFoundError, DatasetCorruptedError.
    """
    builder = _described(make_builder, name)
    place, folder = pathlib.Path(builder.data_path), manual_folder(builder)
    root, by_hand = folder.parents[1], bool(manual and manual(folder))

    def is_current(builder):
        # A builder without splits was described before another process had prepared the set.
        known = not _aside(place).exists() and builder.is_prepared() and bool(builder.info.splits)
        return known and not (outdated and outdated(builder, folder))

    def check_there_is_a_way(builder):
        if not (download or by_hand or builder.is_prepared()):
            raise DatasetNotFoundError(_how_to_get(name, root, folder if manual else None))

    if is_current(builder):
        return builder
    if not _aside(place).exists():
        check_there_is_a_way(builder)  # before anything is written
    with alone(root, name):
        end_swap(_aside(place), place)  # of a preparation that was killed
        builder = _described(make_builder, name)  # another process may have prepared it meanwhile
        if is_current(builder):
            return builder
        check_there_is_a_way(builder)
        if not builder.is_prepared():
            return _fetched(builder, name, root, by_hand)
        log.warning("Preparing %s anew, in the place of the part in %s.", name, builder.data_path)
        with _put_aside(place):
            return _fetched(make_builder(), name, root, by_hand)


def manual_folder(builder):
    """Where the original files lie if they were put there by hand."""
    return pathlib.Path(builder.data_path).parents[1] / "downloads" / "manual"


def _described(make_builder, name):
    """A builder that has read what is on disk for its set."""
    try:
        return make_builder()
    except (json_format.Error, ValueError, KeyError) as error:  # no JSON, or not what TFDS wrote
        raise DatasetCorruptedError(
            f"The description of {name} cannot be read ({error}). Delete its folder in the data_dir and get it anew."
        ) from error


@contextlib.contextmanager
def _put_aside(folder):
    """Moves a folder out of the way: it is deleted at the end, or put back after an error."""
    folder.rename(_aside(folder))
    try:
        yield
    except BaseException:
        remove(folder)
        raise
    finally:
        end_swap(_aside(folder), folder)


def _aside(folder):
    return folder.with_name(f"before.{folder.name}")


def _fetched(builder, name, root, by_hand):
    """The builder, its set prepared."""
    import tensorflow_datasets as tfds  # takes seconds

    # TFDS recognises what it has unpacked by the archive's name: one put there by hand may have been replaced since.
    mode = tfds.GenerateMode.FORCE_REDOWNLOAD if by_hand else tfds.GenerateMode.REUSE_DATASET_IF_EXISTS
    try:
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(download_mode=mode))
    except OSError as error:
        raise DatasetNotFoundError(f"{name} could not be fetched or written to {root}: {error}") from error
    except DatasetCorruptedError:
        raise
    except Exception as error:  # TFDS has errors of its own for archives and checksums, derived from Exception alone
        raise DatasetCorruptedError(
            f"{name} could not be prepared in {root}: {error}. If its archive is damaged, delete it and get it anew."
        ) from error
    return builder


def _how_to_get(name, root, folder):
    text = (
        f"The data set {name!r} is not in {root}. To download it:\n"
        f"    python scripts/train.py --flagfile=configs/{name}.flags --download\n"
        f"in Python: load_data({name!r}, download=True). Where it is elsewhere, name the place with --data_dir or the "
        "environment variable TFDS_DATA_DIR."
    )
    if folder:
        text += f"\nWithout a network: put tiny-imagenet-200.zip, or the folder it unpacks to, into {folder}"
    return text
